// Runs the SQL suite: *.test files in the engine's dialect (and plain sqllogictest), each against a server of its own.
//
//   node tests/sql/run.mjs [--config tests/sql/configs/x.json] [--every N] [--failures N] [file or folder …]
// One line a file, RESULT at the end. --every N runs each Nth query of long files; --failures N shows up to N failures a file.
// Records (README.md beside this file): statement ok|error [CODE] · query TYPES [sort] · connection · user · namespace · flush ·
// compact · restart · crash · subscribe · expect · loop … endloop · skipif · onlyif · hash-threshold · halt
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { report } from '../harness/report.mjs';
import { recordsOf } from './records.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

function show(value, type) {
  if (value === null || value === undefined) return 'NULL';
  if (type === 'I' && typeof value === 'number') return String(Math.trunc(value));
  if (type === 'I' && typeof value === 'boolean') return value ? '1' : '0';
  if (type === 'I' && /^-?\d+\.\d+$/.test(value)) return value.slice(0, value.indexOf('.'));
  if (type === 'R') return Number(value).toFixed(3);
  if (typeof value === 'string') return value === '' ? '(empty)' : value.replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// A pattern fits a value when each field of it fits; {"$any": true} fits everything but absence.
function fits(pattern, value) {
  if (pattern !== null && typeof pattern === 'object' && pattern.$any) return value !== undefined;
  if (Array.isArray(pattern)) return Array.isArray(value) && pattern.length === value.length && pattern.every((p, i) => fits(p, value[i]));
  if (pattern !== null && typeof pattern === 'object') {
    return value !== null && typeof value === 'object' && Object.entries(pattern).every(([k, p]) => (p === '$absent' ? !(k in value) : fits(p, value[k])));
  }
  return pattern === value;
}

class Session {
  constructor(config) {
    this.config = config;
    this.clients = new Map();
    this.lives = new Map();       // subscription id → {live, seen}
    this.namespace = undefined;
    this.hashThreshold = 0;
  }

  async start() {
    this.server = await Server.start({ flags: this.config.flags ?? [] });
    await this.login('root');
    this.use('root');
  }

  async login(name) { this.clients.set(name, await Client.login(this.server, name, name === 'root' ? undefined : `pw-of-${name}-0123456789`)); }
  use(name) { this.client = this.clients.get(name); this.client.namespace = this.namespace; }
  get root() { const c = this.clients.get('root'); c.namespace = this.namespace; return c; }

  async afterStop(how) {
    const name = this.client.name;
    await (how === 'crash' ? this.server.crash() : this.server.restart());
    for (const known of [...this.clients.keys()]) await this.login(known);
    this.use(name);
  }

  async run(record) {
    const [word, ...rest] = record.words;
    let sql = record.body.join('\n');
    for (const rule of this.config.rewrite ?? []) sql = sql.replace(new RegExp(rule.match, 'g'), rule.to);
    switch (word) {
      case 'name': case 'description': case 'group': case 'hash-threshold': if (word === 'hash-threshold') this.hashThreshold = Number(rest[0]); return 0;
      case 'namespace':
        this.namespace = undefined;
        await this.root.ok(`CREATE NAMESPACE IF NOT EXISTS ${rest[0]}`);
        this.namespace = rest[0];
        this.client.namespace = rest[0];
        return 0;
      case 'connection': this.use(rest[0]); return 0;
      case 'user':
        if (!this.clients.has(rest[0])) this.clients.set(rest[0], await this.root.newUser(rest[0], rest[1] ?? 'user'));
        this.use(rest[0]);
        return 0;
      case 'flush': await this.root.ok(`STORAGE FLUSH TABLE ${rest[0]} WAIT`); return 1;
      case 'compact': await this.root.ok(`STORAGE COMPACT TABLE ${rest[0]} WAIT`); return 1;
      case 'restart': case 'crash': await this.afterStop(word); return 1;
      case 'statement': return this.statement(rest, sql, record);
      case 'query': return this.query(rest, sql, record);
      case 'subscribe': return this.subscribe(rest, sql);
      case 'expect': return this.expect(rest[0], record);
      default: throw new Error(`unknown record "${record.head}"`);
    }
  }

  async afterEach() {
    for (const step of this.config.after_each_statement ?? []) {
      if (step === 'flush') await this.root.ok('STORAGE FLUSH ALL WAIT');
      if (step === 'restart') await this.afterStop('restart');
    }
  }

  async statement([kind, code], sql, record) {
    const { status, body } = await this.client.request(sql);
    if (kind === 'ok') {
      if (body.status !== 'success') throw new Error(`expected success, got ${status} ${JSON.stringify(body.error ?? body)}`);
      const count = body.results[body.results.length - 1].row_count;
      if (code !== undefined && count !== Number(code)) throw new Error(`row_count is ${count}, expected ${code}`);
      if (/^\s*(insert|update|delete)/i.test(sql)) await this.afterEach();
    } else {
      if (body.status !== 'error') throw new Error('expected an error, got success');
      if (code && body.error.code !== code) throw new Error(`expected ${code}, got ${JSON.stringify(body.error)}`);
      const part = record.expected?.join('\n');
      if (part && !body.error.message.includes(part)) throw new Error(`the message lacks "${part}": ${body.error.message}`);
    }
    return 1;
  }

  async query([types, sort], sql, record) {
    const { status, body } = await this.client.request(sql);
    if (body.status !== 'success') throw new Error(`${status} ${JSON.stringify(body.error ?? body)}`);
    const result = body.results[body.results.length - 1];
    if (!result.rows) throw new Error('the statement returned no rows');
    const rows = result.rows.map((row) => row.map((value, i) => show(value, types[i])));
    if (rows.length && rows[0].length !== types.length) throw new Error(`${rows[0].length} columns, expected ${types.length}`);
    let expected = record.expected ?? [];
    const hashed = /^(\d+) values hashing to ([0-9a-f]{32})$/.exec(expected[0] ?? '');
    // Rows with tabs are the engine's dialect; values one a line are sqllogictest's.
    const byValue = hashed || this.config.sqllogictest || (types.length > 1 && expected.length === rows.length * types.length && !expected.some((line) => line.includes('\t')));
    if (sort === 'rowsort') rows.sort((a, b) => { for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1; return 0; });
    let got = byValue ? rows.flat() : rows.map((row) => row.join('\t'));
    if (sort === 'valuesort') got = rows.flat().sort();
    if (hashed) {
      const digest = createHash('md5').update(got.map((v) => v + '\n').join('')).digest('hex');
      if (Number(hashed[1]) !== got.length || digest !== hashed[2]) throw new Error(`expected ${expected[0]}, got ${got.length} values hashing to ${digest}`);
      return 1;
    }
    if (sort === 'rowsort' && !byValue) expected = [...expected].sort(), got.sort();
    if (JSON.stringify(expected) !== JSON.stringify(got)) throw new Error(`expected:\n${expected.join('\n')}\n got:\n${got.join('\n')}`);
    return 1;
  }

  async subscribe([id, options], sql) {
    const live = await this.client.live();
    this.lives.set(id, { live, seen: 0 });
    live.subscribe(id, sql, options === undefined ? {} : options === 'none' ? undefined : JSON.parse(options));
    return 1;
  }

  // Each expected line is a JSON pattern; the next frames of the subscription must fit, one each.
  async expect(id, record) {
    const state = this.lives.get(id);
    for (const line of [...record.body, ...(record.expected ?? [])]) {
      const frame = await until(() => state.live.of(id)[state.seen], `a frame of ${id} for ${line}; seen ${JSON.stringify(state.live.of(id))}`, 10_000);
      if (!fits(JSON.parse(line), frame)) throw new Error(`expected ${line}\n got ${JSON.stringify(frame)}`);
      state.seen++;
    }
    return 1;
  }

  async close() {
    for (const { live } of this.lives.values()) live.socket.terminate();
    if (this.server) await this.server.close();
  }
}

// What the configuration says about a record of this file: skipped, expected to fail with a code, or null.
function ruleFor(record, file, config) {
  const sql = record.body.join('\n');
  return (config.rules ?? []).find((rule) => (!rule.file || rule.file === file) && (!rule.lines || rule.lines.includes(record.line)) && (!rule.match || new RegExp(rule.match, 'i').test(sql))) ?? null;
}

async function runFile(file, config) {
  const name = path.relative(here, file);
  let queries = 0;
  let records = recordsOf(file).filter((record) => record.words[0] !== 'query' || queries++ % every === 0 || queries < 100);
  records = records.flatMap((record) => {
    const rule = ruleFor(record, name, config);
    if (rule?.error) return [{ ...record, words: ['statement', 'error', rule.error], expected: null }];
    return rule ? [] : [record];
  });
  const session = new Session(config);
  let passed = 0;
  const failures = [];
  try {
    await session.start();
    for (const record of records) {
      if (record.words[0] === 'halt') break;
      if (config.skip_records?.includes(record.words[0])) continue;
      try {
        passed += await session.run(record);
      } catch (error) {
        failures.push(`${path.relative(process.cwd(), file)}:${record.line}: ${error.message}\n    ${record.body.join('\n    ').slice(0, 600)}`);
        if (failures.length >= mostFailures) break;
      }
    }
    await session.close();
  } catch (error) {
    failures.push(`${path.relative(process.cwd(), file)}: ${error.message}`);
    await session.close().catch(() => {});
  }
  return { passed, failures };
}

function filesOf(place) {
  if (statSync(place).isFile()) return [place];
  return readdirSync(place).sort().flatMap((name) => {
    const full = path.join(place, name);
    return statSync(full).isDirectory() ? filesOf(full) : name.endsWith('.test') || name.endsWith('.test.part1') ? [full] : [];
  });
}

const args = process.argv.slice(2);
const option = (name, otherwise) => {
  const at = args.indexOf(name);
  return at < 0 ? otherwise : args.splice(at, 2)[1];
};
const configFile = option('--config');
const config = configFile ? JSON.parse(readFileSync(configFile, 'utf8')) : {};
const every = Number(option('--every', 1));
const mostFailures = Number(option('--failures', 10));
const places = args.length ? args : (config.files ?? ['suite']).map((name) => path.join(here, name));
const files = places.flatMap(filesOf).filter((file) => !(config.skip_files ?? {})[path.relative(here, file)]);
const queue = [...files];
let passed = 0;
let failed = 0;
async function worker() {
  for (let file = queue.shift(); file; file = queue.shift()) {
    const start = Date.now();
    const result = await runFile(file, config);
    passed += result.passed;
    failed += result.failures.length;
    console.log(`${result.failures.length ? 'FAIL' : 'ok  '} ${path.relative(process.cwd(), file)}: ${result.passed} passed, ${result.failures.length} failed, ${Date.now() - start} ms`);
    for (const failure of result.failures) console.log(failure);
  }
}
await Promise.all([worker(), worker()]);
report(passed, failed);
