// Runs the libFuzzer targets (*_fuzz.cc) over their seeds and what grows from them, with a fixed seed.
//
//   node tests/fuzz/run.mjs [--seed 1] [--runs 20000 | --seconds 60] [--input FILE] [target …]
//
// Seeds: seeds/<target>.txt, a line each: bytes in hex (blanks between are nothing), or a JSON string for what is text; those of
// `sql` are the statements of tests/sql/suite as well. An input that broke something is printed in hex: as a line of the seeds it
// is a test for good.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { report } from '../harness/report.mjs';
import { bin } from '../harness/server.mjs';
import { statementsOf } from '../sql/records.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '20000' }, seconds: { type: 'string' }, input: { type: 'string' } },
});
const targets = readdirSync(here).filter((name) => name.endsWith('_fuzz.cc')).map((name) => name.slice(0, -'_fuzz.cc'.length)).sort();
const maxBytes = 4096;       // of an input
const maxSeconds = 25;       // for one input
const maxResidentMiB = 2048;
// libFuzzer itself takes the abort of a broken KALAM_CHECK, and keeps the input.
const env = { ...process.env, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:handle_abort=0` };

function seedsOf(target) {
  const file = path.join(here, 'seeds', `${target}.txt`);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#')) : [];
  const seeds = lines.map((line) => (line.startsWith('"') ? Buffer.from(JSON.parse(line)) : Buffer.from(line.replaceAll(' ', ''), 'hex')));
  if (target === 'sql') seeds.push(...statementsOf(path.join(here, '../sql/suite')).map((text) => Buffer.from(text)));
  return seeds.filter((bytes) => bytes.length <= maxBytes);
}

// True where nothing broke.
function run(target, dir) {
  const corpus = path.join(dir, target);
  mkdirSync(corpus);
  const seeds = seedsOf(target);
  seeds.forEach((bytes, i) => writeFileSync(path.join(corpus, `seed-${i}`), bytes));
  const limit = args.seconds ? [`-max_total_time=${args.seconds}`] : [`-runs=${args.runs}`];
  const inputs = args.input ? [path.resolve(args.input)] : [...limit, corpus];
  const done = spawnSync(path.join(bin, `fuzz-${target}`), [`-seed=${args.seed}`, `-max_len=${maxBytes}`, `-timeout=${maxSeconds}`, `-rss_limit_mb=${maxResidentMiB}`,
    `-artifact_prefix=${dir}/`, '-print_final_stats=1', ...inputs], { cwd: dir, encoding: 'utf8', maxBuffer: 64 << 20, env });
  const of = (name) => new RegExp(`stat::${name}: +(\\d+)`).exec(done.stderr)?.[1];
  if (done.status === 0) {
    console.log(`ok   fuzz ${target}: ${seeds.length} seeds, ${of('number_of_executed_units')} inputs, ${of('new_units_added')} new ones kept, ${of('peak_rss_mb')} MiB`);
    return true;
  }
  console.log(`FAIL fuzz ${target} seed ${args.seed}: ${done.error ?? done.signal ?? done.status}\n${done.stderr?.slice(-6000)}`);
  for (const name of readdirSync(dir).filter((each) => /^(crash|oom|timeout|leak|slow-unit)-/.test(each))) {
    console.log(`${name}: ${readFileSync(path.join(dir, name)).toString('hex')}`);
    rmSync(path.join(dir, name));
  }
  return false;
}

const dir = mkdtempSync(path.join(tmpdir(), 'kalamdb-fuzz-'));
const unknown = positionals.filter((name) => !targets.includes(name));
if (unknown.length) throw new Error(`there is no target ${unknown.join(', ')}; there are ${targets.join(', ')}`);
let passed = 0;
let failed = 0;
for (const target of positionals.length ? positionals : targets) run(target, dir) ? passed++ : failed++;
rmSync(dir, { recursive: true, force: true });
report(passed, failed);
