// Runs the SQL suite: *.test files in the engine's dialect (and plain sqllogictest), each against a server of its own.
//
//   node tests/sql/run.mjs [--config tests/sql/configs/x.json] [file or folder …]     one line a file, RESULT at the end
// Records (README.md beside this file): statement ok|error [CODE] · query TYPES [sort] · connection · user · namespace · flush ·
// compact · restart · crash · subscribe · expect · loop … endloop · skipif · onlyif · hash-threshold · halt
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { report } from '../harness/report.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

function parse(text) {
  const records = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length;) {
    while (i < lines.length && (lines[i].trim() === '' || lines[i].startsWith('#'))) i++;
    if (i >= lines.length) break;
    const record = { line: i + 1, head: lines[i].trim(), body: [], expected: null };
    i++;
    while (i < lines.length && lines[i].trim() !== '') {
      if (lines[i].trim() === '----') {
        record.expected = [];
        i++;
        while (i < lines.length && lines[i].trim() !== '') record.expected.push(lines[i++].replace(/\r$/, ''));
        break;
      }
      if (!lines[i].startsWith('#')) record.body.push(lines[i]);
      i++;
    }
    record.words = record.head.split(/\s+/);
    records.push(record);
  }
  return records;
}

// skipif and onlyif stand in front of a record without a blank line between.
function withConditions(records) {
  const kept = [];
  for (const record of records) {
    let { words, body } = record;
    let skip = false;
    while (words[0] === 'skipif' || words[0] === 'onlyif') {
      const ours = words[1] === 'kalamdb' || words[1] === 'duckdb';
      if ((words[0] === 'skipif') === ours) skip = true;
      const next = body.shift();
      if (next === undefined) break;
      words = next.trim().split(/\s+/);
    }
    if (!skip && words[0] !== 'skipif' && words[0] !== 'onlyif') kept.push({ ...record, words, body });
  }
  return kept;
}

function expandLoops(records) {
  const out = [];
  for (let i = 0; i < records.length; i++) {
    if (records[i].words[0] !== 'loop') { out.push(records[i]); continue; }
    const [, name, from, to] = records[i].words;
    let depth = 1;
    let end = i + 1;
    for (; depth > 0; end++) {
      if (!records[end]) throw new Error(`line ${records[i].line}: loop without endloop`);
      if (records[end].words[0] === 'loop') depth++;
      if (records[end].words[0] === 'endloop') depth--;
    }
    const inner = records.slice(i + 1, end - 1);
    for (let n = Number(from); n < Number(to); n++) {
      const put = (s) => s.replaceAll(`\${${name}}`, String(n));
      out.push(...expandLoops(inner.map((r) => ({ ...r, words: r.words.map(put), body: r.body.map(put), expected: r.expected?.map(put) ?? null }))));
    }
    i = end - 1;
  }
  return out;
}

function show(value, type) {
  if (value === null || value === undefined) return 'NULL';
  if (type === 'I' && typeof value === 'number') return String(Math.trunc(value));
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
    const sql = record.body.join('\n');
    switch (word) {
      case 'name': case 'description': case 'group': case 'hash-threshold': if (word === 'hash-threshold') this.hashThreshold = Number(rest[0]); return 0;
      case 'namespace': this.namespace = rest[0]; this.client.namespace = rest[0]; await this.root.ok(`CREATE NAMESPACE IF NOT EXISTS ${rest[0]}`); return 0;
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
    const byValue = hashed || (types.length > 1 && expected.length === rows.length * types.length && !expected.some((line) => line.includes('\t')));
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

async function runFile(file, config) {
  const records = expandLoops(withConditions(parse(readFileSync(file, 'utf8'))));
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
        if (failures.length >= 10) break;
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
    return statSync(full).isDirectory() ? filesOf(full) : name.endsWith('.test') ? [full] : [];
  });
}

const args = process.argv.slice(2);
let config = {};
if (args[0] === '--config') {
  config = JSON.parse(readFileSync(args[1], 'utf8'));
  args.splice(0, 2);
}
const files = (args.length ? args : [path.join(here, 'suite')]).flatMap(filesOf).filter((file) => !(config.skip_files ?? {})[path.relative(here, file)]);
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
