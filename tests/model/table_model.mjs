// A table as it should be: columns by id, every version of them, CHECKs, and per partition the rows by key, live and deleted.
// And the rules of ALTER TABLE: random actions, what each does to the model, the code it must fail with, how DESCRIBE … HISTORY spells it.
import { columnTypes, compare, kindOf, literal, randomValue, randomWidening, refusedType, shown, widened, withoutSign } from './domain.mjs';

export const quote = (name) => (/^[a-z][a-z0-9_]*$/.test(name) && name !== 'order' ? name : `"${name}"`);
const fold = (name) => name.toLowerCase();

// The columns, CHECKs and options of a table between two actions of one ALTER. What the actions do to rows waits in `rowWork`.
class Draft {
  constructor(t) {
    Object.assign(this, { t, name: t.name, nextId: t.nextId, version: t.version + 1, comment: t.comment, flushRows: t.flushRows, ttl: t.ttl });
    this.columns = t.columns.map((c) => ({ ...c }));
    this.checks = [...t.checks];
    this.rowWork = [];
    this.spelled = [];
    this.dropped = [];      // {id, cascade}
    this.madeNotNull = [];  // ids of columns that were there before
  }
  find(name) { return this.columns.find((c) => fold(c.name) === fold(name)); }
  get data() { return this.columns.filter((c) => !this.t.keyIds.includes(c.id)); }
}

export class TableModel {
  constructor({ name, kind, columns, keyIds, checks = [] }) {
    Object.assign(this, { name, kind, keyIds, checks, version: 1, comment: '', ttl: 3600, flushRows: 100_000, nextId: columns.length + 1 });
    this.columns = columns.map((c, i) => ({ id: i + 1, notNull: false, initial: null, write: null, added: 1, comment: '', ...c }));
    this.partitions = new Map();
    this.deletedRows = new Map();
    this.versions = new Map([[1, this.columns]]);
    this.history = ['CREATE TABLE'];
  }

  get sql() { return `app.${quote(this.name)}`; }
  get keys() { return this.keyIds.map((id) => this.columns.find((c) => c.id === id)); }
  get data() { return this.columns.filter((c) => !this.keyIds.includes(c.id)); }
  get orderBy() { return this.keys.map((c) => quote(c.name)).join(', '); }
  get perUser() { return this.kind !== 'SHARED'; }

  column(id, alias = '') {
    const c = this.columns.find((other) => other.id === id);
    return c && { ...c, sql: `${alias}${quote(c.name)}` };
  }
  columnsAt(version) { return this.versions.get(version); }
  keyOf(row) { return this.keyIds.map((id) => String(row[id])).join('\u0000'); }
  part(map, user) {
    const name = this.perUser ? user : '';
    if (!map.has(name)) map.set(name, new Map());
    return map.get(name);
  }
  rows(user) { return this.part(this.partitions, user); }
  deleted(user) { return this.part(this.deletedRows, user); }
  byKey(a, b) {
    for (const c of this.keys) { const d = compare(c.type, a[c.id], c.type, b[c.id]); if (d) return d; }
    return 0;
  }
  sorted(user) { return [...this.rows(user).values()].sort((a, b) => this.byKey(a, b)); }
  shownRow(row, columns = this.columns) { return columns.map((c) => shown(c.type, row[c.id])); }
  values(user) { return (id) => [...this.rows(user).values()].slice(0, 20).map((row) => row[id] ?? null); }
  * everyRow() { for (const map of [this.partitions, this.deletedRows]) for (const part of map.values()) yield* part.values(); }

  // The codes one of which a statement that stores these rows must fail with.
  violations(rows) {
    const codes = new Set();
    for (const row of rows) {
      for (const c of this.columns) {
        if (row[c.id] === null && (c.notNull || this.keyIds.includes(c.id))) codes.add('NOT_NULL_VIOLATION');
        const length = kindOf(c.type) === 'VARCHAR' && row[c.id] !== null && [...row[c.id]].length;
        if (length && length > Number(/\d+/.exec(c.type)[0])) codes.add('TYPE_MISMATCH');
      }
      for (const check of this.checks) if (check.test(row, this) === false) codes.add('CHECK_VIOLATION');
    }
    return codes;
  }

  // Stored rows hold no -0.
  put(user, row) {
    const key = this.keyOf(row);
    this.rows(user).set(key, Object.fromEntries(Object.entries(row).map(([id, v]) => [id, withoutSign(v)])));
    this.deleted(user).delete(key);
  }
  remove(user, row) {
    const key = this.keyOf(row);
    this.rows(user).delete(key);
    if (this.kind !== 'STREAM') this.deleted(user).set(key, row);
  }

  nullsIn(id) {
    let found = 0;
    for (const part of this.partitions.values()) for (const row of part.values()) if (row[id] === null) found++;
    return found;
  }

  draft() { return new Draft(this); }

  // What an acknowledged ALTER made.
  take(draft) {
    for (const work of draft.rowWork) for (const row of this.everyRow()) work(row);
    Object.assign(this, { name: draft.name, nextId: draft.nextId, columns: draft.columns, checks: draft.checks, comment: draft.comment, flushRows: draft.flushRows, ttl: draft.ttl });
    this.version++;
    this.versions.set(this.version, this.columns);
    // How a default is spelled is not the model's to say.
    this.history.push(draft.spelled.includes(null) ? null : draft.spelled.join(', '));
  }
}

// --- random actions --------------------------------------------------------------------------------------------------------------------
// Each returns {sql, error?}; without an error it has changed the draft.
let made = 0;
function freshName(r, draft, used) {
  const pool = ['n1', 'n2', 'n3', 'n4', 'Mixed Case', 'order', used.length ? r.pick(used) : 'n5'];
  const name = r.below(3) ? r.pick(pool) : `c${++made}`;
  return draft.find(name) ? null : name;
}

export class Alters {
  // world: {used: names that were in use once, so that they come back; refuse: share of wrong actions}
  constructor(r, world) { Object.assign(this, { r, world }); }

  // An action over the draft, or null where the chosen one does not apply.
  action(draft) {
    const { r } = this;
    if (draft.t.kind === 'STREAM') return r.below(3) ? this.streamColumns(draft) : this.ttl(draft);
    const kinds = [[18, 'add'], [12, 'drop'], [16, 'rename'], [14, 'retype'], [8, 'setDefault'], [4, 'dropDefault'], [6, 'setNotNull'], [5, 'dropNotNull'], [4, 'modify'], [3, 'comment'], [3, 'option'], [3, 'dropConstraint'], [4, 'wrong']];
    let n = r.below(kinds.reduce((sum, [w]) => sum + w, 0));
    const [, kind] = kinds.find(([w]) => (n -= w) < 0);
    return this[kind](draft);
  }

  spell(draft, sql, spelled = sql) {
    draft.spelled.push(spelled);
    return { sql };
  }

  pickData(draft) { return draft.data.length ? this.r.pick(draft.data) : null; }

  add(draft) {
    const { r } = this;
    if (draft.columns.length >= 11) return null;
    const name = freshName(r, draft, this.world.used);
    if (!name) return null;
    const type = r.pick(columnTypes);
    const notNull = r.below(4) === 0;
    const value = notNull || r.below(3) ? randomValue(r, type) : null;
    const comment = r.below(8) === 0 ? 'a note' : '';
    const id = draft.nextId++;
    draft.columns.push({ id, name, type, notNull, initial: withoutSign(value), write: value, added: draft.version, comment });
    draft.rowWork.push((row) => { row[id] = withoutSign(value); });
    const text = `ADD COLUMN ${quote(name)} ${type}${notNull ? ' NOT NULL' : ''}${value === null ? '' : ` DEFAULT ${literal(type, value)}`}${comment ? ` COMMENT '${comment}'` : ''}`;
    return this.spell(draft, r.below(5) ? text : text.replace('ADD COLUMN', 'ADD COLUMN IF NOT EXISTS'), value === null ? text : null);
  }

  drop(draft) {
    const { r } = this;
    const c = this.pickData(draft);
    if (!c || draft.data.length < 3) return null;
    const cascade = r.below(3) === 0;
    const naming = draft.checks.filter((check) => check.ids.includes(c.id));
    const sql = `DROP COLUMN ${r.below(4) ? '' : 'IF EXISTS '}${quote(c.name)}${cascade ? ' CASCADE' : r.below(3) ? '' : ' RESTRICT'}`;
    if (naming.length && !cascade) return { sql, error: 'DEPENDENT_OBJECTS' };
    draft.checks = draft.checks.filter((check) => !naming.includes(check));
    draft.columns = draft.columns.filter((other) => other !== c);
    draft.dropped.push({ id: c.id, cascade });
    this.world.used.push(c.name);
    draft.rowWork.push((row) => { delete row[c.id]; });
    return this.spell(draft, sql, `DROP COLUMN ${quote(c.name)}${cascade ? ' CASCADE' : ''}`);
  }

  rename(draft) {
    const { r } = this;
    const c = r.pick(draft.columns);
    if (r.below(3) === 0 && draft.data.length > 1) {
      const [a, b] = [this.pickData(draft), this.pickData(draft)];
      if (a === b) return null;
      const [na, nb] = [quote(a.name), quote(b.name)];
      [a.name, b.name] = [b.name, a.name];
      const sql = `RENAME COLUMN ${na} TO swap_, RENAME COLUMN ${nb} TO ${na}, RENAME COLUMN swap_ TO ${nb}`;
      return this.spell(draft, sql);
    }
    const name = freshName(r, draft, this.world.used);
    if (!name) return null;
    const old = c.name;
    this.world.used.push(old);
    c.name = name;
    return this.spell(draft, `RENAME COLUMN ${quote(old)} TO ${quote(name)}`);
  }

  retypeTo(draft, c, to) {
    const from = c.type;
    c.initial = widened(from, to, c.initial);
    c.write = widened(from, to, c.write);
    c.type = to;
    draft.rowWork.push((row) => { row[c.id] = widened(from, to, row[c.id]); });
  }

  retype(draft) {
    const { r } = this;
    const fitting = draft.data.filter((c) => randomWidening(r, c.type));
    if (!fitting.length) return null;
    const c = r.pick(fitting);
    const to = randomWidening(r, c.type);
    if (!to) return null;
    this.retypeTo(draft, c, to);
    return this.spell(draft, r.pick([`ALTER COLUMN ${quote(c.name)} TYPE ${to}`, `ALTER ${quote(c.name)} SET DATA TYPE ${to}`]), `ALTER COLUMN ${quote(c.name)} TYPE ${to}`);
  }

  modify(draft) {
    const { r } = this;
    const c = this.pickData(draft);
    if (!c) return null;
    const to = r.below(2) ? randomWidening(r, c.type) ?? c.type : c.type;
    const changed = to !== c.type;
    const relax = c.notNull && r.below(2) === 1;
    if (!changed && !relax) return null;
    if (changed) this.retypeTo(draft, c, to);
    if (relax) c.notNull = false;
    const name = quote(c.name);
    return this.spell(draft, `MODIFY COLUMN ${name} ${to}${relax ? ' NULL' : ''}`, [changed && `ALTER COLUMN ${name} TYPE ${to}`, relax && `ALTER COLUMN ${name} DROP NOT NULL`].filter(Boolean).join(', '));
  }

  setDefault(draft) {
    const c = this.pickData(draft);
    if (!c) return null;
    const value = randomValue(this.r, c.type);
    if (c.write !== null && literal(c.type, value) === literal(c.type, c.write)) return null;
    c.write = value;
    return this.spell(draft, `ALTER COLUMN ${quote(c.name)} SET DEFAULT ${literal(c.type, value)}`, null);
  }

  dropDefault(draft) {
    const c = this.pickData(draft);
    if (!c || c.write === null) return null;
    c.write = null;
    return this.spell(draft, `ALTER COLUMN ${quote(c.name)} DROP DEFAULT`);
  }

  setNotNull(draft) {
    const c = this.pickData(draft);
    if (!c || c.notNull) return null;
    const isNew = c.added === draft.version;
    const sql = `ALTER COLUMN ${quote(c.name)} SET NOT NULL`;
    if (isNew && c.initial === null) return { sql, error: 'NOT_NULL_VIOLATION' };
    c.notNull = true;
    if (!isNew) draft.madeNotNull.push(c.id);
    return this.spell(draft, sql);
  }

  dropNotNull(draft) {
    const c = this.pickData(draft);
    if (!c || !c.notNull) return null;
    c.notNull = false;
    return this.spell(draft, `ALTER COLUMN ${quote(c.name)} DROP NOT NULL`);
  }

  comment(draft) {
    const c = this.r.pick(draft.columns);
    const text = c.comment ? '' : `about ${this.r.below(100)}`;
    c.comment = text;
    // Only alone in its statement: COMMENT ON is a statement of its own.
    return { ...this.spell(draft, null, `COMMENT ON COLUMN ${quote(draft.name)}.${quote(c.name)} IS ${text ? `'${text}'` : 'NULL'}`), statement: `COMMENT ON COLUMN ${draft.t.sql}.${quote(c.name)} IS ${text ? `'${text}'` : 'NULL'}` };
  }

  option(draft) {
    const { r } = this;
    if (r.below(3) === 0) {
      const name = `${draft.t.kind.toLowerCase()}${r.below(1000)}`;
      if (name === draft.name) return null;
      draft.name = name;
      return this.spell(draft, `RENAME TO ${name}`);
    }
    const rows = draft.flushRows === 100_000 ? 50 + r.below(50) : 100_000;
    draft.flushRows = rows;
    return this.spell(draft, `SET (FLUSH_POLICY = 'rows:${rows},interval:300')`);
  }

  dropConstraint(draft) {
    const { r } = this;
    if (!draft.checks.length || r.below(3)) return { sql: 'DROP CONSTRAINT no_such_check', error: 'NOT_FOUND' };
    const check = r.pick(draft.checks);
    draft.checks = draft.checks.filter((other) => other !== check);
    return this.spell(draft, `DROP CONSTRAINT ${check.name}`);
  }

  // Actions that break a rule.
  wrong(draft) {
    const { r } = this;
    const c = this.pickData(draft) ?? draft.columns[0];
    const name = quote(c.name);
    const key = quote(draft.columns.find((other) => other.id === draft.t.keyIds[0]).name);
    return r.pick([
      { sql: `ADD COLUMN ${name} INT`, error: 'ALREADY_EXISTS' }, { sql: 'ADD COLUMN nn_ INT NOT NULL', error: 'NOT_NULL_VIOLATION' }, { sql: 'ADD COLUMN gen_ BIGINT DEFAULT SNOWFLAKE_ID()', error: 'UNSUPPORTED' },
      { sql: 'ADD COLUMN _x INT', error: 'INVALID_SQL' }, { sql: 'DROP COLUMN _seq', error: 'INVALID_SQL' }, { sql: 'ADD COLUMN bad_ INT DEFAULT \'abc\'', error: 'TYPE_MISMATCH' }, { sql: 'DROP COLUMN nope_', error: 'COLUMN_NOT_FOUND' },
      { sql: 'RENAME COLUMN nope_ TO x_', error: 'COLUMN_NOT_FOUND' }, { sql: `DROP COLUMN ${key} CASCADE`, error: 'UNSUPPORTED' }, { sql: `ALTER COLUMN ${key} DROP NOT NULL`, error: 'UNSUPPORTED' }, { sql: `ALTER COLUMN ${name} TYPE ${refusedType(r, c.type)}`, error: c.id === draft.t.keyIds[0] ? 'UNSUPPORTED' : 'UNSUPPORTED' },
      { sql: 'SET (COLOR = 1)', error: 'INVALID_PARAMETER' }, { sql: `RENAME COLUMN ${name} TO ${key}`, error: c.id === draft.t.keyIds[0] ? undefined : 'ALREADY_EXISTS' },
    ].filter((wrong) => wrong.error));
  }

  streamColumns(draft) { return { sql: this.r.pick(['ADD COLUMN x INT', `DROP COLUMN ${quote(draft.columns.at(-1).name)}`, `RENAME COLUMN ${quote(draft.columns[0].name)} TO y`]), error: 'UNSUPPORTED' }; }
  ttl(draft) {
    draft.ttl += 1;
    return this.spell(draft, `SET (TTL_SECONDS = ${draft.ttl})`);
  }
}

// Actions that DML over other columns may run beside: in either order the rows are the same.
export function commutingAction(r, alters, draft) {
  const kind = r.pick(['add', 'rename', 'retype', 'drop', 'dropNotNull', 'option']);
  const before = new Map(draft.columns.map((c) => [c.id, exact(c)]));
  const action = alters[kind](draft);
  if (!action || action.error) return null;
  const touched = new Set(draft.columns.filter((c) => before.get(c.id) !== exact(c)).map((c) => c.id));
  for (const { id } of draft.dropped) touched.add(id);
  if (draft.t.keyIds.some((id) => touched.has(id))) return null;
  return { ...action, touched };
}
const exact = (c) => `${c.name} ${c.type} ${c.notNull}`;
