// Random DML × ALTER × views × flush × compact × restart × kill −9 × live, against a model of the tables; every answer is compared row for row.
//
//   node tests/model/model.mjs [--seed 1] [--seeds 1] [--steps 200] [--queries N] [--verbose]
// With --queries it goes on, seed after seed, until so many checked queries are done. Prints the seed, and on a difference the steps that led to it.
// Two users; a USER, a SHARED and a STREAM table; every scalar type; keys of several types; views; live queries that come, go and resume. In every second seed the
// server flushes and compacts by itself too.
import { setTimeout as pause } from 'node:timers/promises';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';
import { exactText, literal, shown, withoutSign } from './domain.mjs';
import { randomCheck } from './predicates.mjs';
import { Alters, TableModel, commutingAction, quote } from './table_model.mjs';
import { Statements, keyTypes } from './statements.mjs';
import { Questions } from './questions.mjs';
import { Screen } from './screens.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]?.startsWith('--') ? true : all[i + 1] ?? true] : [])).filter((pair) => pair.length));
const sameList = (a, b) => a.length === b.length && a.every((line, i) => line === b[i]);

class Run {
  constructor(seed, steps) {
    Object.assign(this, { r: random(seed), seed, steps, trace: [], queries: 0, counts: {}, views: [], screens: [], names: 0, used: [] });
    this.automatic = seed % 2 === 0;
    this.statements = new Statements(this.r);
    this.questions = new Questions(this.r, this.statements);
    this.alters = new Alters(this.r, { used: this.used });
    this.models = ['USER', 'SHARED', 'STREAM'].map((kind) => this.newModel(kind));
  }

  newModel(kind) {
    const { r } = this;
    const key = r.below(3) ? [r.pick([...keyTypes, 'INT', 'INT'])] : ['TEXT', 'INT'];
    const columns = [...key.map((type, i) => ({ name: `k${i + 1}`, type, notNull: true })), { name: 'a', type: r.pick(['SMALLINT', 'INT', 'DECIMAL(9,2)']) }, { name: 'b', type: r.pick(['TEXT', 'VARCHAR(5)']) }, { name: 'c', type: r.pick(['FLOAT', 'DATE', 'DOUBLE', 'TIMESTAMP']) }];
    const m = new TableModel({ name: `${kind.toLowerCase()}_t`, kind, columns, keyIds: key.map((_, i) => i + 1) });
    if (r.below(2)) m.checks = [{ ...randomCheck(r, m.columns), name: `check_of_${kind.toLowerCase()}` }];
    return m;
  }

  note(kind, text) {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.trace.push(text);
    if (args.verbose) console.log(`  ${this.trace.length}: ${text.slice(0, 300)}`);
  }

  async start() {
    this.server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--storage.auto_compaction', String(this.automatic)] });
    this.root = await Client.login(this.server);
    await this.root.ok('CREATE NAMESPACE app; CREATE NAMESPACE copy');
    for (const m of this.models) {
      if (this.automatic && m.kind !== 'STREAM') m.flushRows = 60;
      const checks = m.checks.map((check) => `, CONSTRAINT ${check.name} CHECK (${check.sql(m)})`).join('');
      const options = { USER: `FLUSH_POLICY = 'rows:${m.flushRows},interval:300'`, SHARED: `ACCESS_LEVEL = 'PUBLIC_WRITE', FLUSH_POLICY = 'rows:${m.flushRows},interval:300'`, STREAM: 'TTL_SECONDS = 3600' }[m.kind];
      await this.root.ok(`CREATE ${m.kind} TABLE ${m.sql} (${m.columns.map((c) => `${quote(c.name)} ${c.type}`).join(', ')}, PRIMARY KEY (${m.orderBy})${checks}) WITH (${options})`);
    }
    this.users = [];
    for (const name of ['ann', 'ben']) {
      const client = await this.root.newUser(name);
      this.users.push({ name, client, live: await client.live() });
    }
    for (const m of this.models) for (const user of this.users) await this.openScreen(new Screen({ id: `${m.name}-of-${user.name}`, table: m, user: user.name, ids: null, predicate: null }));
  }

  user(name) { return this.users.find((u) => u.name === name); }

  // --- live -----------------------------------------------------------------------------------------------------------------------------
  async openScreen(screen) {
    const { live } = this.user(screen.user);
    const seen = live.of(screen.id).length;
    screen.open(live);
    const first = await until(() => live.of(screen.id)[seen], `an answer to the subscription ${screen.sql()}`);
    if (first.type !== 'subscription_ack') throw new Error(`${screen.sql()}: ${JSON.stringify(first)}`);
    if (!this.screens.includes(screen)) this.screens.push(screen);
  }

  async newScreen(m, user) {
    if (this.screens.length > 14) return this.closeScreen();
    const { r } = this;
    const predicate = r.below(3) ? this.statements.predicates(m, user.name).any(2) : null;
    const ids = r.below(4) ? [...m.keyIds, ...m.data.filter(() => r.below(2)).map((c) => c.id)] : null;
    const screen = new Screen({ id: `s${++this.names}-${user.name}`, table: m, user: user.name, ids, predicate });
    this.note('subscribe', `${user.name} subscribes ${screen.sql()}`);
    return this.openScreen(screen);
  }

  async closeScreen() {
    const open = this.screens.filter((s) => s.id.startsWith('s'));
    if (!open.length) return;
    const screen = this.r.pick(open);
    this.note('unsubscribe', `unsubscribe ${screen.id}`);
    this.screens = this.screens.filter((s) => s !== screen);
    screen.live.send({ type: 'unsubscribe', subscription_id: screen.id });
    await this.gone((query) => query === screen.id);
  }

  // Waits until the server has forgotten subscriptions: they are in the way of a DROP COLUMN until then.
  async gone(fits) {
    await until(async () => !(await this.root.rows('SELECT subscription_id FROM system.live_queries')).some(([id]) => fits(id)), 'subscriptions to end', 15_000);
  }

  async checkScreens(only) {
    for (const screen of this.screens) {
      if (only && !only(screen)) continue;
      let [wanted, got] = [[], []];
      await until(() => {
        screen.take();
        wanted = screen.wanted().sort();
        got = screen.shownRows().sort();
        return screen.version === screen.table.version && sameList(got, wanted);
      }, `the screen ${screen.id} (${screen.sql()}, version ${screen.table.version})`, 20_000).catch((error) => {
        throw new Error(`${error.message}\n it is at version ${screen.version}\n missing ${wanted.filter((line) => !got.includes(line)).slice(0, 5).join('\n   ')}\n too much ${got.filter((line) => !wanted.includes(line)).slice(0, 5).join('\n   ')}`);
      });
      this.queries++;
    }
  }

  // A user's socket is cut; a few statements later the screens come back where they were.
  async cut(user) {
    this.note('cut', `${user.name} is cut off`);
    await this.checkScreens((s) => s.user === user.name);
    user.live.socket.terminate();
    await this.gone((id) => id.endsWith(user.name));
    this.away = this.screens.filter((s) => s.user === user.name);
    this.screens = this.screens.filter((s) => s.user !== user.name);
    for (let i = 0; i < 3 + this.r.below(8); i++) await (this.r.below(3) ? this.change(this.r.pick(this.models), this.r.pick(this.users)) : this.alter(this.r.pick(this.models)));
    if (this.r.below(4) === 0) { const m = this.r.pick(this.models.slice(0, 2)); this.note('flush', `flush ${m.name}`); await this.root.ok(`STORAGE FLUSH TABLE ${m.sql} WAIT`); }
    user.live = await user.client.live();
    this.note('resume', `${user.name} is back`);
    const back = this.away.filter((s) => s.namedIds.every((id) => s.table.column(id)));
    this.away = [];
    for (const screen of back) await this.openScreen(screen);
    return this.checkScreens((s) => s.user === user.name);
  }

  async afterStart() {
    this.root = await Client.login(this.server);
    for (const user of this.users) {
      user.live.socket.terminate();
      user.client = await Client.login(this.server, user.name, `pw-of-${user.name}-0123456789`);
      user.live = await user.client.live();
    }
    for (const screen of [...this.screens]) await this.openScreen(screen);
  }

  async stop(how) {
    this.note(how, how === 'crash' ? 'kill -9' : 'restart');
    await this.checkScreens();
    await this.server[how]();
    return this.afterStart();
  }

  // --- statements -----------------------------------------------------------------------------------------------------------------------
  async perform(op) {
    if (!op) return;
    this.note('dml', `${op.user}: ${op.sql}${op.params ? ` ${JSON.stringify(op.params)}` : ''}${op.codes.size ? ` → ${[...op.codes]}` : ''}`);
    const { body } = await this.user(op.user).client.request(op.sql, op.params);
    this.settle(op, body);
  }

  settle(op, body) {
    const code = body.error?.code;
    if (op.codes.size ? !op.codes.has(code) : code) throw new Error(`${op.user}: ${op.sql} ${JSON.stringify(op.params ?? [])}\n expected ${op.codes.size ? [...op.codes] : 'success'}\n got ${JSON.stringify(body.error ?? body.results).slice(0, 1000)}`);
    if (code) return;
    const [result] = body.results;
    if (result.row_count !== op.count) throw new Error(`${op.sql}: ${result.row_count} rows, expected ${op.count}`);
    if (op.returned) {
      this.queries++;
      const got = result.rows.map((row) => exactText(row.map(withoutSign))).sort();
      if (!sameList(got, [...op.returned].sort())) throw new Error(`${op.sql}\n expected ${op.returned.sort()}\n got      ${got}`);
    }
    op.apply();
  }

  change(m, user) {
    const s = this.statements;
    const pick = this.r.below(100);
    if (m.kind === 'STREAM') {
      if (pick < 90) return this.perform(s.insert(m, user.name));
      return this.perform({ ...s.remove(m, user.name), codes: new Set(['UNSUPPORTED']), returned: undefined });
    }
    if (pick < 36) return this.perform(s.insert(m, user.name));
    if (pick < 40) return this.perform(s.insertSelect(m, user.name));
    if (pick < 52) return this.perform(s.upsert(m, user.name));
    if (pick < 80) return this.perform(s.update(m, user.name));
    if (pick < 84) return this.perform(s.moveKeys(m, user.name));
    return this.perform(s.remove(m, user.name));
  }

  // --- ALTER ----------------------------------------------------------------------------------------------------------------------------
  namesAny(view, ids) { return view.m && view.namedIds.some((id) => ids.includes(id)); }
  viewsOver(views) {
    const all = new Set(views);
    for (let grown = true; grown;) { grown = false; for (const v of this.views) if (!all.has(v) && all.has(v.over)) { all.add(v); grown = true; } }
    return [...all];
  }

  // The codes that an ALTER may fail with, beside those of its actions.
  dataCodes(m, draft) {
    const codes = new Set();
    const notNull = draft.madeNotNull.filter((id) => draft.columns.some((c) => c.id === id && c.notNull));
    if (notNull.some((id) => m.nullsIn(id) > 0)) codes.add('NOT_NULL_VIOLATION');
    const kept = draft.dropped.filter((d) => !d.cascade && m.column(d.id)).map((d) => d.id);
    const inTheWay = (named) => named.some((id) => kept.includes(id));
    if (this.screens.some((s) => s.table === m && inTheWay(s.namedIds)) || this.views.some((v) => v.m === m && !v.over && inTheWay(v.namedIds))) codes.add('DEPENDENT_OBJECTS');
    return codes;
  }

  changesAnything(m, draft) {
    const text = (t) => JSON.stringify([t.name, t.flushRows, t.ttl, t.checks.map((c) => c.name), t.columns.map((c) => [c.id, c.name, c.type, c.notNull, literal(c.type, c.write), c.comment])]);
    return text(m) !== text(draft);
  }

  async alter(m) {
    const { r } = this;
    const draft = m.draft();
    const actions = [];
    const wanted = r.below(3) ? 1 : 2 + r.below(3);
    for (let tries = 0; actions.length < wanted && tries < 8; tries++) {
      const action = this.alters.action(draft);
      if (!action) continue;
      if (action.statement && actions.length) { return this.alter(m); }
      actions.push(action);
      if (action.statement || action.error) break;
    }
    if (!actions.length) return undefined;
    const sql = actions[0].statement ?? `ALTER ${r.below(4) ? '' : `${m.kind} `}TABLE ${m.sql} ${actions.map((a) => a.sql).join(', ')}`;
    const wrong = actions.find((a) => a.error)?.error;
    const codes = this.dataCodes(m, draft);
    if (wrong) codes.add(wrong);
    this.note('alter', `${sql}${codes.size ? ` → ${[...codes]}` : ''}`);
    const { body } = await this.root.request(sql);
    const code = body.error?.code;
    if (codes.size ? !codes.has(code) : code) throw new Error(`${sql}\n expected ${codes.size ? [...codes] : 'success'}\n got ${JSON.stringify(body.error ?? body.results)}`);
    if (!code && this.changesAnything(m, draft)) this.altered(m, draft);
    await this.describe(m);
    if (!code && r.below(8) === 0) await this.roundTrip(m);
    if (!code) for (let i = 0; i < 3; i++) await this.query(m, r.pick(this.users));
    return undefined;
  }

  altered(m, draft) {
    const gone = draft.dropped.map((d) => d.id);
    const cascaded = draft.dropped.filter((d) => d.cascade).map((d) => d.id);
    for (const screen of this.screens) {
      if (screen.table !== m || !screen.namedIds.some((id) => cascaded.includes(id))) continue;
      screen.expectClosed = true;
      this.closing = [...(this.closing ?? []), screen];
    }
    this.screens = this.screens.filter((s) => !s.expectClosed);
    const views = this.viewsOver(this.views.filter((v) => v.m === m && !v.over && v.namedIds.some((id) => gone.includes(id))));
    this.views = this.views.filter((v) => !views.includes(v));
    m.take(draft);
  }

  // Screens that a CASCADE ended have been told.
  async checkClosed() {
    for (const screen of this.closing ?? []) {
      await until(() => screen.live.of(screen.id).some((f) => f.type === 'subscription_closed') || screen.live.closed, `${screen.id} to be closed`, 10_000);
      const frame = screen.live.of(screen.id).at(-1);
      if (!screen.live.closed && (frame.type !== 'subscription_closed' || frame.reason !== 'column_dropped')) throw new Error(`${screen.id}: the last frame is ${JSON.stringify(frame)}`);
    }
    this.closing = [];
  }

  // DESCRIBE, its history and an old version.
  async describe(m) {
    const line = (list) => list.map((row) => JSON.stringify(row));
    const want = (version) => m.columnsAt(version).map((c, i) => [c.name, i + 1, c.id, c.type, !c.notNull, m.keyIds.includes(c.id), c.added]);
    const pick = (rows) => rows.map((row) => [row[0], row[1], row[2], row[3], row[4], row[5], row[8]]);
    await this.same(m, `DESCRIBE ${m.sql}`, line(pick(await this.root.rows(`DESCRIBE ${m.sql}`))), line(want(m.version)));
    const old = 1 + this.r.below(m.version);
    await this.same(m, `DESCRIBE ${m.sql} AT VERSION ${old}`, line(pick(await this.root.rows(`DESCRIBE ${m.sql} AT VERSION ${old}`))), line(want(old)));
    const history = await this.root.rows(`DESCRIBE ${m.sql} HISTORY`);
    await this.same(m, `DESCRIBE ${m.sql} HISTORY`, line(history.map((row) => [row[0], m.history[row[0] - 1] === null ? null : row[3], row[4], row[5]])),
      line(m.history.map((text, i) => [i + 1, text, m.columnsAt(i + 1).length, i + 1 === m.version])));
  }

  // What SHOW CREATE TABLE prints makes the same table.
  async roundTrip(m) {
    const [[, text]] = await this.root.rows(`SHOW CREATE TABLE ${m.sql}`);
    const copy = text.replace('TABLE app.', 'TABLE copy.');
    this.note('round trip', copy);
    await this.root.ok(copy);
    const [[, again]] = await this.root.rows(`SHOW CREATE TABLE copy.${quote(m.name)}`);
    await this.root.ok(`DROP TABLE copy.${quote(m.name)}`);
    await this.same(m, `SHOW CREATE TABLE ${m.sql}`, [again], [copy]);
    const listed = await this.root.rows(`SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'app' AND table_name = '${m.name}' ORDER BY ordinal_position`);
    await this.same(m, `information_schema.columns of ${m.sql}`, listed.map(([name, , nullable]) => `${name} ${nullable}`), m.columns.map((c) => `${c.name} ${c.notNull ? 'NO' : 'YES'}`));
  }

  same(m, sql, got, wanted) {
    this.queries++;
    if (!sameList(got, wanted)) throw new Error(`${sql}\n expected ${wanted.join('\n          ')}\n got      ${got.join('\n          ')}`);
  }

  // --- views ----------------------------------------------------------------------------------------------------------------------------
  async view(m) {
    const { r } = this;
    const old = this.views.filter((v) => v.m === m);
    if (old.length > 4 || (old.length && r.below(4) === 0)) return this.dropView(r.pick(old));
    const over = old.length && r.below(3) === 0 ? r.pick(old) : null;
    const from = over ? over.outputs : m.columns.map((c) => ({ name: c.name, id: c.id }));
    const star = r.below(3) === 0;
    const outputs = star ? from : from.filter((o) => m.keyIds.includes(o.id) || r.below(2)).map((o) => (r.below(3) ? o : { id: o.id, source: o.name, name: `o${++this.names}` }));
    const table = { column: (id) => ({ ...m.column(id), sql: quote((over ? over.outputs : from).find((o) => o.id === id).name) }) };
    const fake = { ...m, columns: m.columns.filter((c) => from.some((o) => o.id === c.id)), values: m.values.bind(m), rows: m.rows.bind(m) };
    const own = r.below(3) ? this.statements.predicates(fake, 'ann').any(1) : null;
    const replaced = !over && old.length && r.below(4) === 0 ? r.pick(old.filter((v) => !v.over && !this.viewsOver([v]).some((w) => w !== v)) ) : null;
    const name = replaced?.name ?? `v${++this.names}`;
    const sql = `CREATE ${replaced ? 'OR REPLACE ' : ''}VIEW app.${name} AS SELECT ${star ? '*' : outputs.map((o) => `${quote(o.source ?? o.name)}${o.source ? ` AS ${quote(o.name)}` : ''}`).join(', ')} FROM ${over ? `app.${over.name}` : m.sql}${own ? ` WHERE ${own.sql(table)}` : ''}`;
    this.note('view', sql);
    await this.root.ok(sql);
    if (replaced) this.views = this.views.filter((v) => v !== replaced);
    this.views.push({ name, m, over, outputs: outputs.map(({ id, name: out }) => ({ id, name: out })), tests: [...(over?.tests ?? []), ...(own ? [own] : [])], namedIds: [...new Set([...outputs.map((o) => o.id), ...(own?.ids ?? [])])] });
    return this.readView(this.views.at(-1), r.pick(this.users));
  }

  async dropView(view) {
    const others = this.viewsOver([view]).filter((v) => v !== view);
    const cascade = this.r.below(2) === 1;
    const sql = `DROP VIEW app.${view.name}${cascade ? ' CASCADE' : ''}`;
    this.note('view', sql);
    if (others.length && !cascade) { await this.root.error(sql, 'DEPENDENT_OBJECTS'); return; }
    await this.root.ok(sql);
    this.views = this.views.filter((v) => v !== view && !others.includes(v));
  }

  readView(view, user) {
    const { m } = view;
    const rows = m.sorted(user.name).filter((row) => view.tests.every((p) => p.test(row, m) === true));
    const order = m.keyIds.map((id) => quote(view.outputs.find((o) => o.id === id).name)).join(', ');
    return this.ask(user, `SELECT * FROM app.${view.name} ORDER BY ${order}`, undefined, rows.map((row) => view.outputs.map((o) => shown(m.column(o.id).type, row[o.id]))));
  }

  // --- queries --------------------------------------------------------------------------------------------------------------------------
  async ask(user, sql, params, expected) {
    const got = (await user.client.rows(sql, params)).map(exactText);
    const wanted = expected.map(exactText);
    this.queries++;
    this.counts.query = (this.counts.query ?? 0) + 1;
    if (!sameList(got, wanted)) {
      const at = wanted.findIndex((line, i) => line !== got[i]);
      throw new Error(`${user.name}: ${sql} ${JSON.stringify(params ?? [])}\n expected ${wanted.length} rows, got ${got.length}; first difference at ${at < 0 ? wanted.length : at}:\n expected ${wanted[at]}\n got      ${got[at < 0 ? wanted.length : at]}\n all got ${got.join('\n   ').slice(0, 3000)}`);
    }
  }

  query(m, user) {
    const question = this.questions.any(m, user.name, this.views.filter((v) => v.m === m));
    return question.view ? this.readView(question.view, user) : this.ask(user, question.sql, question.params, question.rows);
  }

  // --- side by side ---------------------------------------------------------------------------------------------------------------------
  // An ALTER and statements that commute with it, beside a flush or a compaction.
  async sideBySide(m) {
    const { draft, alter, ops, avoid } = this.besides(m);
    const work = this.r.pick(['FLUSH', 'COMPACT', 'FLUSH']);
    const cold = m.kind !== 'STREAM' && draft.name === m.name;
    this.note('beside', `side by side: ${[alter?.sql, ...ops.map((op) => `${op.user}: ${op.sql}`), cold ? work : ''].filter(Boolean).join(' | ')}`);
    const [altered, , ...replies] = await Promise.all([
      alter ? this.root.request(alter.sql) : null,
      cold ? this.root.ok(`STORAGE ${work} TABLE ${m.sql} WAIT`) : null,
      ...ops.map((op) => this.user(op.user).client.request(op.sql, op.params)),
    ]);
    if (altered?.body.error) throw new Error(`${alter.sql}: ${JSON.stringify(altered.body.error)}`);
    // A write may lose against the ALTER twice: then it says so, and is not done.
    for (const [i, op] of ops.entries()) if (replies[i].body.error?.code !== 'SCHEMA_CHANGED') this.settle({ ...op, returned: undefined }, replies[i].body);
    if (alter && this.changesAnything(m, draft)) this.altered(m, draft);
    await this.describe(m);
    for (const user of this.users) await this.query(m, user);
  }

  besides(m) {
    const draft = m.draft();
    const action = m.kind === 'STREAM' || this.r.below(4) === 0 ? null : commutingAction(this.r, this.alters, draft);
    const harmless = action && !this.dataCodes(m, draft).size;
    const avoid = action ? action.touched : new Set();
    const users = m.perUser ? this.users : [this.r.pick(this.users)];
    const ops = users.map((user) => this.statements.beside(m, user.name, avoid)).filter((op) => op && (!action || op.m.name === draft.name));
    return { draft, alter: harmless ? { sql: `ALTER TABLE ${m.sql} ${action.sql}` } : null, ops, avoid };
  }

  // kill −9 while an ALTER, writes and a flush or compaction run: what was acknowledged is there, what was not is there whole or not at all.
  async crashInFlight(m) {
    const { r } = this;
    await this.checkScreens();
    const { draft, alter, ops, avoid } = this.besides(m);
    const work = r.pick(['FLUSH', 'COMPACT']);
    this.note('crash in flight', `kill -9 beside: ${[alter?.sql, ...ops.map((op) => `${op.user}: ${op.sql}`), work].filter(Boolean).join(' | ')}`);
    const sent = (client, sql, params) => client.request(sql, params).then(({ body }) => body, () => null);
    const replies = Promise.all([alter ? sent(this.root, alter.sql) : null, ...ops.map((op) => sent(this.user(op.user).client, op.sql, op.params)), m.kind === 'STREAM' ? null : sent(this.root, `STORAGE ${work} TABLE ${m.sql} WAIT`)]);
    await Promise.race([replies, pause(r.below(12))]);
    await this.server.kill();
    const [altered, ...written] = await replies;
    await this.server.launch();
    await this.resolve(m, { draft, alter, altered, avoid }, ops, written);
    await this.afterStart();
    await this.describe(m);
    return this.checkAll();
  }

  // What a crash left of statements nobody heard of. The writes are judged by the columns that the ALTER does not touch.
  async resolve(m, { draft, alter, altered, avoid }, ops, written) {
    const columns = m.columns.filter((c) => !avoid.has(c.id));
    const text = (user) => m.sorted(user).map((row) => exactText(m.shownRow(row, columns)));
    for (const [i, op] of ops.entries()) {
      if (written[i]?.error?.code === 'SCHEMA_CHANGED') continue;
      if (written[i]?.status) { this.settle({ ...op, returned: undefined }, written[i]); continue; }
      const user = await Client.login(this.server, op.user, `pw-of-${op.user}-0123456789`);
      const got = (await user.rows(`SELECT ${columns.map((c) => quote(c.name)).join(', ')} FROM ${m.sql} ORDER BY ${m.orderBy}`)).map(exactText);
      if (sameList(got, text(op.user))) continue;
      if (op.codes.size) throw new Error(`${op.sql} must fail and did something`);
      op.apply();
      if (!sameList(got, text(op.user))) throw new Error(`${op.sql} is there in part:\n ${got.join('\n ')}`);
    }
    if (!alter || !this.changesAnything(m, draft)) return;
    const root = await Client.login(this.server);
    const done = (await root.request(`DESCRIBE app.${quote(draft.name)} AT VERSION ${m.version + 1}`)).status === 200;
    if (altered?.status === 'success' && !done) throw new Error(`${alter.sql} was acknowledged and is gone`);
    if (done) this.altered(m, draft);
  }

  // --- all ------------------------------------------------------------------------------------------------------------------------------
  async checkAll() {
    for (const m of this.models) for (const user of this.users) await this.ask(user, `SELECT * FROM ${m.sql} ORDER BY ${m.orderBy}`, undefined, m.sorted(user.name).map((row) => m.shownRow(row)));
    for (const view of this.views) await this.readView(view, this.r.pick(this.users));
    await this.checkClosed();
    return this.checkScreens();
  }

  async maintain(kind, m) {
    this.note(kind, `${kind} ${m.name}`);
    await this.root.ok(`STORAGE ${kind.toUpperCase()} TABLE ${m.sql} WAIT`);
  }

  async step() {
    const { r } = this;
    const m = r.below(12) === 0 ? this.models[2] : this.models[r.below(2)];
    const user = r.pick(this.users);
    const cold = m.kind !== 'STREAM';
    let n = r.below(1000);
    const kinds = [
      [400, () => this.change(m, user)], [230, async () => { for (let i = 0; i < 8; i++) await this.query(m, r.pick(this.users)); }], [150, () => this.alter(m)], [60, () => (cold ? this.maintain('flush', m) : null)], [30, () => (cold ? this.maintain('compact', m) : null)],
      [30, () => this.view(m)], [30, () => (r.below(4) ? this.newScreen(m, user) : this.closeScreen())], [40, () => this.sideBySide(m)], [12, () => this.checkAll()], [6, () => this.cut(user)], [4, () => this.stop('restart')], [4, () => this.stop('crash')], [4, () => this.crashInFlight(m)],
    ];
    return kinds.find(([w]) => (n -= w) < 0)[1]();
  }

  async all() {
    await this.start();
    for (let i = 0; i < this.steps; i++) await this.step();
    await this.checkAll();
    for (const user of this.users) user.live.socket.terminate();
    await this.server.close();
  }
}

let seed = Number(args.seed ?? 1);
const steps = Number(args.steps ?? 200);
const wanted = Number(args.queries ?? 0);
const seeds = Number(args.seeds ?? 1);
let passed = 0;
let failed = 0;
let checked = 0;
const first = seed;
const totals = {};
do {
  const run = new Run(seed, steps);
  try {
    await run.all();
    passed++;
    console.log(`ok   model seed ${seed}: ${run.trace.length} steps, ${run.queries} checked queries`);
  } catch (error) {
    failed++;
    console.log(`FAIL model seed ${seed} after ${run.trace.length} steps:\n${error.stack}\nlast steps:\n  ${run.trace.slice(-25).map((line) => line.slice(0, 600)).join('\n  ')}\nserver log:\n${run.server?.story()}`);
    await run.server?.kill();
  }
  for (const [kind, n] of Object.entries(run.counts)) totals[kind] = (totals[kind] ?? 0) + n;
  checked += run.queries;
  seed++;
} while ((failed === 0 || args.continue) && (wanted ? checked < wanted : seed < first + seeds));
console.log(`model: ${checked} checked queries, seeds ${first} to ${seed - 1}; ${Object.entries(totals).map(([kind, n]) => `${n} ${kind}`).join(', ')}`);
report(passed, failed);
