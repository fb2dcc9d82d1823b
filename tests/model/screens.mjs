// A live screen as a client keeps it across schema versions, held against the model: `*`, or columns and a predicate bound by id.
//
// A frame names columns; which column a name was in which version the model knows. Held rows are carried over a `schema_change` as a client would:
// by column, values widened, added columns from the frame's `initial_default`.
import { exactText, parsed, shown, widened } from './domain.mjs';
import { quote } from './table_model.mjs';

const plain = (value) => JSON.stringify(value);   // -0 and 0 are one: the engine compares them as equal

export class Screen {
  // ids: null for `*`, else the columns (the key's among them).
  constructor({ id, table, user, ids, predicate }) {
    Object.assign(this, { id, table, user, ids, predicate, rows: new Map(), seq: null, version: null, frames: 0, closed: null, expectClosed: false });
  }

  get namedIds() { return this.ids ? [...new Set([...this.ids, ...(this.predicate?.ids ?? [])])] : this.predicate?.ids ?? []; }
  names(id) { return this.namedIds.includes(id); }
  where() { return this.predicate ? ` WHERE ${this.predicate.sql(this.table)}` : ''; }
  sql() { return `SELECT ${this.ids ? this.ids.map((id) => quote(this.table.column(id).name)).join(', ') : '*'} FROM ${this.table.sql}${this.where()}`; }

  // The shape of rows at a schema version: [{out, id, type, initial}].
  shapeAt(version) {
    const columns = this.table.columnsAt(version);
    if (!this.ids) return columns.map((c) => ({ ...c, out: c.name }));
    return this.ids.map((id) => ({ ...columns.find((c) => c.id === id), out: this.outNames.get(id) }));
  }

  // Sends the subscription: the first, or one that resumes.
  open(live) {
    this.live = live;
    this.frames = live.of(this.id).length;
    const from = this.seq;
    const before = this.outNames;
    this.outNames = new Map((this.ids ?? []).map((id) => [id, this.table.column(id).name]));
    if (from !== null && this.ids) this.carry((row) => Object.fromEntries([...this.ids.map((id) => [this.outNames.get(id), row[before.get(id)]]), ['_seq', row._seq]]));
    this.resumed = from !== null;
    this.resumedFrom = from;
    live.subscribe(this.id, this.sql(), from === null ? { batch_size: 1000 } : { from });
  }

  carry(change) {
    for (const [key, row] of this.rows) this.rows.set(key, change(row));
  }

  keyOf(row) {
    const shape = this.shapeAt(this.version);
    return JSON.stringify(this.table.keyIds.map((id) => row[shape.find((c) => c.id === id).out]));
  }

  take() {
    for (const frames = this.live.of(this.id); this.frames < frames.length; this.frames++) {
      try {
        this.apply(frames[this.frames]);
      } catch (error) {
        throw new Error(`${this.id} (${this.sql()}): ${error.message}\n frame ${JSON.stringify(frames[this.frames]).slice(0, 1500)}`);
      }
    }
  }

  apply(frame) {
    switch (frame.type) {
      case 'subscription_ack': return this.acknowledged(frame);
      case 'resync_required': this.rows.clear(); this.seq = frame.seq; return undefined;
      case 'initial_data_batch': return this.batch(frame);
      case 'change': return this.change(frame);
      case 'schema_change': return this.schemaChange(frame);
      case 'subscription_closed':
        if (!this.expectClosed || frame.reason !== 'column_dropped') throw new Error('closed without a reason of ours');
        this.closed = frame.reason;
        return undefined;
      default: throw new Error('a frame that should not come');
    }
  }

  acknowledged(frame) {
    if (this.resumed && frame.seq !== this.seq) throw new Error(`resumed from ${this.seq}`);
    if (!this.resumed) this.version = frame.schema_version;
    this.seq = frame.seq;
    if (this.resumed) this.acked = frame.schema_version;
    const wanted = this.shapeAt(frame.schema_version).map((c) => c.out);
    const got = frame.schema.map((c) => c.name).filter((name) => !name.startsWith('_'));
    if (plain(got) !== plain(wanted)) throw new Error(`the ack's schema has ${got}, not ${wanted}`);
  }

  batch(frame) {
    for (const row of frame.rows) {
      this.whole(row);
      this.rows.set(this.keyOf(row), row);
    }
    if (frame.batch_control.has_more) this.live.send({ type: 'next_batch', subscription_id: this.id });
    else this.seq = frame.batch_control.last_seq_id;
  }

  // A row holds each of its columns, and nothing but them and `_seq`.
  whole(row) {
    const wanted = this.shapeAt(this.version).map((c) => c.out).sort();
    const got = Object.keys(row).filter((name) => name !== '_seq').sort();
    if (plain(wanted) !== plain(got)) throw new Error(`a row of version ${this.version} has ${got}, not ${wanted}`);
  }

  change(frame) {
    if (this.seq !== null && BigInt(frame.seq) < BigInt(this.seq)) throw new Error(`seq went back: ${frame.seq} after ${this.seq}`);
    this.seq = frame.seq;
    if (frame.change_type === 'delete') {
      for (const old of frame.old_values) {
        this.whole(old);
        this.matches(old, this.held(old));
        this.rows.delete(this.keyOf(old));
      }
      return;
    }
    for (const [i, row] of frame.rows.entries()) {
      this.whole(row);
      const key = this.keyOf(row);
      if (this.rows.has(key) !== (frame.change_type === 'update')) throw new Error(`${frame.change_type} of a row that is ${this.rows.has(key) ? '' : 'not '}held: ${plain(row)}`);
      if (frame.change_type === 'update') {
        const held = this.rows.get(key);
        const old = frame.old_values[i];
        this.matches(old, held);
        for (const name of Object.keys(row)) if (plain(row[name]) !== plain(held[name]) && !(name in old)) throw new Error(`${name} changed and is not in old_values: ${plain(held)} → ${plain(row)}`);
      }
      this.rows.set(key, row);
    }
  }

  held(row) {
    const held = this.rows.get(this.keyOf(row));
    if (!held) throw new Error(`a row that is not held: ${plain(row)}`);
    return held;
  }

  matches(old, held) {
    for (const [name, value] of Object.entries(old)) if (plain(value) !== plain(held[name])) throw new Error(`old value of ${name} is ${plain(value)}, held was ${plain(held)}`);
  }

  schemaChange(frame) {
    // At a resume it tells what changed since `from`: a screen that resumes from there again knows some of it already.
    const again = this.resumed && frame.seq === this.resumedFrom && frame.old_version <= this.version && frame.new_version === this.acked;
    if (frame.old_version !== this.version && !again) throw new Error(`schema_change from version ${frame.old_version}, the screen is at ${this.version}`);
    const [before, after] = [this.shapeAt(this.version), this.shapeAt(frame.new_version)];
    const fields = new Map(frame.schema.map((c) => [c.name, c]));
    this.carry((row) => {
      const next = { _seq: row._seq };
      for (const c of after) {
        const old = before.find((other) => other.id === c.id);
        next[c.out] = old ? shown(c.type, widened(old.type, c.type, parsed(old.type, row[old.out]))) : fields.get(c.out).initial_default ?? null;
      }
      return next;
    });
    for (const c of after) {
      if (before.some((other) => other.id === c.id)) continue;
      if (plain(fields.get(c.out).initial_default ?? null) !== plain(shown(c.type, c.initial))) throw new Error(`initial_default of ${c.out} is not ${plain(shown(c.type, c.initial))}`);
    }
    this.version = frame.new_version;
    this.seq = frame.seq;
  }

  // The rows as texts, in the order of the model.
  wanted() {
    const shape = this.shapeAt(this.table.version);
    return this.table.sorted(this.user).filter((row) => !this.predicate || this.predicate.test(row, this.table) === true).map((row) => exactText(shape.map((c) => shown(c.type, row[c.id]))));
  }

  shownRows() {
    const shape = this.shapeAt(this.version);
    return [...this.rows.values()].map((row) => exactText(shape.map((c) => row[c.out])));
  }
}
