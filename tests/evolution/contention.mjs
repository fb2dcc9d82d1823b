// Eight clients alter one table at once, beside writers, readers, flushes, compactions and live queries: every reply is success or a named code,
// versions are consecutive, each acknowledged ALTER is in the history exactly once and none that was refused, every reader and screen is whole.
//
//   node tests/evolution/contention.mjs [--seconds 5] [--seed 1]
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));
const seed = Number(args.seed ?? 1);
const seconds = Number(args.seconds ?? 5);
const t = 'app.busy';
const counts = { altered: 0, 'alter lost': 0, written: 0, 'write lost': 0, reads: 0, frames: 0, resumes: 0, flushes: 0 };
const lost = new Set(['SCHEMA_CHANGED', 'WRITE_CONFLICT']);
let end = 0;
const running = () => Date.now() < end;
const wal = { 'x-durability': 'wal' };

// A column of lane n says in its name what every row reads in it: x3_17 is 17, whatever it is called in front, INT or BIGINT.
const valueIn = (name) => Number(/_(\d+)$/.exec(name)[1]);
const own = (name) => /^[a-z]\d+_\d+$/.test(name);
const acknowledged = [];   // canonical texts, each unique
const refused = [];
const present = new Map();  // name → type, of all lanes

class Alterer {
  constructor(client, lane) { Object.assign(this, { client, lane, r: random(seed * 100 + lane), columns: [], made: 0 }); }

  // A statement, its text in the history, and what it makes of this lane's columns.
  next() {
    const { r, lane } = this;
    const c = this.columns.length ? r.pick(this.columns) : null;
    const added = () => ({ name: `c${lane}_${++this.made}`, type: 'INT' });
    const kind = !c ? 0 : this.columns.length > 5 ? 3 : r.below(6);
    if (kind === 1) { const name = String.fromCharCode(c.name.charCodeAt(0) + 1) + c.name.slice(1); return { sql: `RENAME COLUMN ${c.name} TO ${name}`, apply: () => { c.name = name; } }; }
    if (kind === 2 && c.type === 'INT') return { sql: `ALTER COLUMN ${c.name} TYPE BIGINT`, apply: () => { c.type = 'BIGINT'; } };
    if (kind === 3) return { sql: `DROP COLUMN ${c.name}`, apply: () => { this.columns.splice(this.columns.indexOf(c), 1); } };
    const a = added();
    if (kind === 4) {
      return { sql: `DROP COLUMN ${c.name}, ADD COLUMN ${a.name} INT DEFAULT ${valueIn(a.name)}`, apply: () => { this.columns.splice(this.columns.indexOf(c), 1, a); } };
    }
    return { sql: `ADD COLUMN ${a.name} INT DEFAULT ${valueIn(a.name)}`, apply: () => { this.columns.push(a); } };
  }

  async run() {
    while (running()) {
      const { sql, apply } = this.next();
      const { body } = await this.client.request(`ALTER TABLE ${t} ${sql}`);
      if (body.status === 'success') {
        for (const c of this.columns) present.delete(c.name);
        apply();
        for (const c of this.columns) present.set(c.name, c.type);
        acknowledged.push(sql);
        counts.altered++;
        continue;
      }
      assert.ok(lost.has(body.error.code), `ALTER ${sql}: ${JSON.stringify(body.error)}`);
      refused.push(sql);
      counts['alter lost']++;
    }
  }
}

const rows = new Map();   // id → a, as acknowledged

async function writer(client, lane) {
  const r = random(seed * 100 + 50 + lane);
  const ids = [];
  for (let i = 0; running(); i++) {
    const id = 1000 + lane * 1_000_000 + i;
    const old = ids.length ? r.pick(ids) : null;
    const kind = old === null ? 0 : r.below(4);
    const [sql, apply] = [
      [`INSERT INTO ${t} (id, a) VALUES (${id}, ${i})`, () => { rows.set(id, i); ids.push(id); }],
      [`UPDATE ${t} SET a = ${i} WHERE id = ${old}`, () => rows.set(old, i)],
      [`UPDATE ${t} SET a = a + 1 WHERE id + 0 = ${old}`, () => rows.set(old, rows.get(old) + 1)],
      [`DELETE FROM ${t} WHERE id = ${old}`, () => { rows.delete(old); ids.splice(ids.indexOf(old), 1); }],
    ][kind];
    const { body } = await client.request(sql, undefined, wal);
    if (body.status === 'success') {
      if (body.results[0].row_count !== 1) throw new Error(`${sql} changed ${body.results[0].row_count} rows`);
      apply();
      counts.written++;
      continue;
    }
    assert.ok(lost.has(body.error.code), `${sql}: ${JSON.stringify(body.error)}`);
    counts['write lost']++;
  }
}

function checkWhole(columns, values, what) {
  for (const [i, name] of columns.entries()) {
    if (own(name) && Number(values[i]) !== valueIn(name)) throw new Error(`${what}: ${name} reads as ${values[i]}`);
  }
}

async function reader(client, how) {
  let version = 0;
  while (running()) {
    const [{ schema, rows: got }] = await client.ok(`SELECT * FROM ${t}${how}`);
    const names = schema.map((c) => c.name);
    for (const row of got) {
      assert.equal(row.length, names.length);
      checkWhole(names, row, `SELECT${how}`);
    }
    assert.equal(got.filter((row) => row[0] < 1000).length, 200, 'the rows that nobody touches are all there');
    const now = (await client.rows(`DESCRIBE ${t}`))[0][13];
    assert.ok(now >= version, 'the version never goes back');
    version = now;
    counts.reads++;
  }
}

// A screen that checks that schema changes join without a gap, and every row has the shape of the version it is at.
class Watcher {
  constructor(client, id) { Object.assign(this, { client, id, replica: new Replica(['id']), version: null, columns: [], seen: 0 }); }

  async open(options) {
    this.live = await this.client.live();
    this.seen = 0;
    this.live.subscribe(this.id, `SELECT * FROM ${t}`, options);
    await this.live.next((f) => f.subscription_id === this.id, 'the ack');
    return this;
  }

  take() {
    for (const frames = this.live.of(this.id); this.seen < frames.length; this.seen++) {
      const frame = frames[this.seen];
      counts.frames++;
      if (frame.type === 'subscription_ack') {
        this.resumedFrom = this.version === null ? null : frame.seq;
        if (this.version === null) this.version = frame.schema_version;
        this.columns = frame.schema.map((c) => c.name).filter((name) => !name.startsWith('_'));
      } else if (frame.type === 'schema_change') {
        // Each goes on where the one before ended; what came while the screen caught up is told as one. A resume tells all since its point.
        const again = frame.seq === this.resumedFrom && frame.old_version <= this.version;
        assert.ok((again || frame.old_version === this.version) && frame.new_version >= this.version, `from ${frame.old_version} to ${frame.new_version} at version ${this.version}`);
        this.version = frame.new_version;
        this.columns = frame.schema.map((c) => c.name).filter((name) => !name.startsWith('_'));
      } else if (frame.rows) {
        for (const row of frame.rows) {
          const names = Object.keys(row).filter((name) => name !== '_seq');
          assert.deepEqual([...names].sort(), [...this.columns].sort(), `a row of version ${this.version}`);
          checkWhole(names, names.map((name) => row[name]), 'a frame');
        }
        if (frame.batch_control?.has_more) this.live.send({ type: 'next_batch', subscription_id: this.id });
      }
      this.replica.apply(frame);
      if (frame.batch_control?.status === 'ready' && frame.batch_control.last_seq_id) this.replica.seq = frame.batch_control.last_seq_id;
    }
  }

  async stay() {
    while (running()) {
      await this.client.ok('SELECT 1');
      this.take();
    }
  }

  // Is cut off and comes back where it was, again and again.
  async comeAndGo(r) {
    while (running()) {
      const { frames } = this.live;
      const enough = frames.length + r.below(60);
      await until(() => frames.length >= enough || !running(), 'some frames', seconds * 1000 + 20_000);
      this.take();
      this.live.socket.terminate();
      await this.open({ from: this.replica.seq });
      counts.resumes++;
    }
  }

  async same(expected) {
    let got;
    await until(() => {
      this.take();
      got = JSON.stringify([...this.replica.rows.values()].map((row) => [row.id, row.a]).sort((x, y) => x[0] - y[0]));
      return got === expected;
    }, `the screen ${this.id} to show what is true`, 30_000);
  }
}

async function check(root, watchers) {
  const history = await root.rows(`DESCRIBE ${t} HISTORY`);
  assert.deepEqual(history.map((row) => row[0]), history.map((_, i) => i + 1), 'consecutive versions');
  assert.deepEqual(history.slice(1).map((row) => row[3]).sort(), [...acknowledged].sort(), 'each acknowledged ALTER once, and nothing else');
  const described = await root.rows(`DESCRIBE ${t}`);
  assert.deepEqual(described.map((row) => [row[0], row[3]]).filter(([name]) => own(name)).sort(), [...present].sort());
  const all = await root.rows(`SELECT id, a FROM ${t} WHERE id >= 1000 ORDER BY id`);
  assert.deepEqual(all, [...rows].sort((x, y) => x[0] - y[0]), 'every acknowledged write is there, and no other');
  const expected = JSON.stringify(await root.rows(`SELECT id, a FROM ${t} ORDER BY id`));
  for (const w of watchers) {
    await w.same(expected);
    await until(() => { w.take(); return w.version === history.length; }, `${w.id} to be at version ${history.length}`);
  }
}

const server = await Server.start({ flags: ['--limits.auth_per_second', '1000'] });
try {
  let root = await Client.login(server);
  await root.ok(`CREATE NAMESPACE app; CREATE TABLE ${t} (id INT PRIMARY KEY, a INT)`);
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(100) r(i)`);
  await root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(100, 200) r(i)`);
  const client = () => Client.login(server);
  const watchers = [await new Watcher(await client(), 'stays').open({}), await new Watcher(await client(), 'returns').open({})];
  for (const w of watchers) await w.live.ready(w.id);
  const alterers = await Promise.all(Array.from({ length: 8 }, async (_, lane) => new Alterer(await client(), lane)));
  const others = await Promise.all(Array.from({ length: 5 }, client));
  end = Date.now() + seconds * 1000;
  await Promise.all([
    ...alterers.map((a) => a.run()), ...others.slice(0, 3).map(writer), reader(others[3], ''), reader(others[4], ' WHERE id < 1000 ORDER BY id'), watchers[0].stay(), watchers[1].comeAndGo(random(seed)),
    (async () => { for (const r = random(seed + 7); running(); counts.flushes++) await root.ok(`STORAGE ${r.below(3) ? 'FLUSH' : 'COMPACT'} TABLE ${t} WAIT`); })(),
  ]);
  await check(root, watchers);
  await server.restart();
  root = await Client.login(server);
  await check(root, []);
  await server.close();
  console.log(`ok   eight clients alter at once for ${seconds} s, seed ${seed}: ${Object.entries(counts).map(([what, n]) => `${n} ${what}`).join(', ')}`);
  report(1, 0);
} catch (error) {
  console.log(`FAIL eight clients alter at once, seed ${seed}: ${error.stack}\n${server.story()}`);
  await server.kill();
  report(0, 1);
}
