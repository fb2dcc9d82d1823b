// A table whose columns change while four writers write and two screens watch: each screen is right at the end, and says what it was told.
import { until } from '../../tests/harness/server.mjs';
import { Client } from '../../tests/harness/client.mjs';
import { heading, progress, say, table } from './screen.mjs';

const writesBetween = 600;
const steps = [
  ['a column is added, with a default', "ALTER TABLE demo.orders ADD COLUMN note TEXT DEFAULT 'none'"],
  ['one is renamed', 'ALTER TABLE demo.orders RENAME COLUMN qty TO amount'],
  ['it is widened', 'ALTER TABLE demo.orders ALTER COLUMN amount TYPE BIGINT'],
  ['the added one is dropped', 'ALTER TABLE demo.orders DROP COLUMN note'],
];
const items = ['bread', 'cheese', 'figs', 'honey', 'olives', 'pears', 'tea'];

// The rows of a client, kept in the shape that the last schema_change gave.
class Screen {
  constructor(name, sql) {
    Object.assign(this, { name, sql, rows: new Map(), seen: 0, told: [], counts: null, at: 0n });
  }
  async watch(client) {
    this.live = await client.live();
    this.live.subscribe(this.name, this.sql, {});
    const ack = await this.live.next((f) => f.type === 'subscription_ack' || f.type === 'error', 'the acknowledgement');
    if (ack.type === 'error') throw new Error(ack.message);
    this.columns = ack.schema.map((c) => c.name);
    this.types = ack.schema.map((c) => c.data_type);
  }
  apply() {
    const frames = this.live.of(this.name);
    for (; this.seen < frames.length; this.seen++) this.take(frames[this.seen]);
    return this;
  }
  take(frame) {
    if (frame.type === 'initial_data_batch') for (const row of frame.rows) this.rows.set(row.id, row);
    else if (frame.type === 'change') this.change(frame);
    else if (frame.type === 'schema_change') this.reshape(frame);
    else if (frame.type !== 'subscription_ack') throw new Error(`${this.name}: ${JSON.stringify(frame)}`);
  }
  change(frame) {
    const changed = frame.rows ?? frame.old_values;
    if (this.counts === null) this.told.push(this.counts = { insert: 0, update: 0, delete: 0 });
    this.counts[frame.change_type] += changed.length;
    for (const row of changed) {
      const shape = Object.keys(row).filter((name) => name !== '_seq').sort().join();
      if (shape !== [...this.columns].sort().join()) throw new Error(`${this.name}: a row of ${shape} where the schema is ${this.columns}`);
      if ((frame.change_type === 'insert') === this.rows.has(row.id)) throw new Error(`${this.name}: ${frame.change_type} of row ${row.id}`);
      if (frame.change_type === 'delete') this.rows.delete(row.id);
      else this.rows.set(row.id, row);
    }
    this.at = BigInt(frame.seq);
  }
  // One action a version: the columns stand where they stood, but for one that came last or one that is gone.
  reshape(frame) {
    const before = this.columns;
    const now = frame.schema.map((c) => c.name);
    const gone = now.length < before.length ? before.filter((name) => !now.includes(name)) : [];
    const kept = before.filter((name) => !gone.includes(name));
    const types = kept.map((name) => this.types[before.indexOf(name)]);
    const widened = (i) => i < kept.length && types[i] !== frame.schema[i].data_type;
    for (const [id, row] of this.rows) {
      const next = { _seq: row._seq };
      // A BIGINT is written as a string: 64 bits are more than a number of JavaScript holds.
      now.forEach((name, i) => { next[name] = i >= kept.length ? frame.schema[i].initial_default : widened(i) ? String(row[kept[i]]) : row[kept[i]]; });
      this.rows.set(id, next);
    }
    const said = frame.schema.map((c, i) => {
      if (i >= kept.length) return `+${c.name} (rows held read ${JSON.stringify(c.initial_default)})`;
      return `${kept[i] === c.name ? c.name : `${kept[i]}→${c.name}`}${widened(i) ? ` (${types[i]}→${c.data_type})` : ''}`;
    });
    this.told.push(`schema_change, version ${frame.old_version} → ${frame.new_version} at seq ${frame.seq}: ${[...said, ...gone.map((name) => `−${name}`)].join(', ')}`);
    if (BigInt(frame.seq) <= this.at) throw new Error(`${this.name}: a schema change at ${frame.seq}, behind ${this.at}`);
    this.at = BigInt(frame.seq);
    this.columns = now;
    this.types = frame.schema.map((c) => c.data_type);
    this.counts = null;
  }
  transcript() {
    say(`\n  what ${this.name} was told (${this.sql}):`);
    for (const line of this.told) say(`    ${typeof line === 'string' ? line : `${line.insert} inserts, ${line.update} updates, ${line.delete} deletes, each row of exactly the columns of its place`}`);
  }
}

// Four loops that insert, change and delete orders until they are stopped; a writer that meets a new schema looks it up and goes on.
function startWriters(client) {
  const state = { done: 0, corrected: 0, stop: false, next: 0, quantity: 'qty' };
  const one = async (n) => {
    const wal = { 'x-durability': 'wal' };
    if (n % 5 === 3) return client.request(`UPDATE demo.orders SET ${state.quantity} = ${state.quantity} + 1 WHERE id = $1`, [n - 28], wal);
    if (n % 5 === 4) return client.request('DELETE FROM demo.orders WHERE id = $1', [n - 103], wal);
    return client.request(`INSERT INTO demo.orders (id, item, ${state.quantity}) VALUES ($1, $2, $3)`, [n, items[n % items.length], n % 9], wal);
  };
  const loop = async () => {
    while (!state.stop) {
      const n = state.next++;
      for (;;) {
        const { status, body } = await one(n);
        if (status === 200) break;
        if (!['COLUMN_NOT_FOUND', 'SCHEMA_CHANGED'].includes(body.error.code)) throw new Error(`a write failed: ${JSON.stringify(body.error)}`);
        state.corrected++;
        const columns = (await client.rows('DESCRIBE demo.orders')).map((row) => row[0]);
        state.quantity = columns.includes('amount') ? 'amount' : 'qty';
      }
      state.done++;
    }
  };
  state.ended = Promise.all([loop(), loop(), loop(), loop()]);
  state.ended.catch((error) => { state.failed = error; });
  return state;
}

async function compare(screen, client) {
  const results = await client.ok(`${screen.sql} ORDER BY id`);
  const { schema, rows } = results[results.length - 1];
  const expected = rows.map((row) => JSON.stringify(row));
  const shown = () => [...screen.apply().rows.values()].sort((a, b) => a.id - b.id).map((row) => JSON.stringify(schema.map((c) => row[c.name])));
  await until(() => JSON.stringify(shown()) === JSON.stringify(expected), `${screen.name} to hold the ${expected.length} rows that its SELECT answers`);
  return expected.length;
}

export async function evolution(server, root) {
  heading('A schema that changes under two open screens while four writers write');
  await root.ok('CREATE NAMESPACE IF NOT EXISTS demo');
  await root.ok('CREATE SHARED TABLE demo.orders (id INT PRIMARY KEY, item TEXT, qty INT)');
  const board = new Screen('the board', 'SELECT * FROM demo.orders');
  const shelf = new Screen('the shelf', "SELECT * FROM demo.orders WHERE item = 'honey'");
  for (const screen of [board, shelf]) await screen.watch(root);
  const writers = startWriters(await Client.login(server));
  const show = progress('writes', writesBetween * (steps.length + 1));
  const reach = (n) => until(() => { if (writers.failed) throw writers.failed; show(Math.min(writers.done, n)); return writers.done >= n; }, `${n} writes`, 120_000);
  const altered = [];
  for (const [index, [what, sql]] of steps.entries()) {
    await reach(writesBetween * (index + 1));
    if (index === 2) await root.ok('STORAGE FLUSH TABLE demo.orders WAIT');
    const writes = writers.done;
    const start = performance.now();
    await root.ok(sql);
    altered.push([what, sql, `${(performance.now() - start).toFixed(1)} ms`, String(writes)]);
  }
  await reach(writesBetween * (steps.length + 1));
  writers.stop = true;
  await writers.ended;
  say('');
  table(['meanwhile', 'statement', 'took', 'after writes'].map((name) => ({ name })), altered);
  say(`  ${writers.done} writes, none lost; ${writers.corrected} of them named a column by its old name and were told so`);
  const held = [];
  for (const screen of [board, shelf]) held.push(await compare(screen, root));
  for (const screen of [board, shelf]) {
    screen.transcript();
    if (screen.told.filter((line) => typeof line === 'string').length !== steps.length) throw new Error(`${screen.name} heard of other versions than were made`);
    screen.live.socket.terminate();
  }
  say(`\n  compared row by row with a SELECT: the board holds its ${held[0]} rows, the shelf its ${held[1]}`);
}
