// A client as an application would write it: SQL over HTTP, live queries over a WebSocket.
import WebSocket from 'ws';
import { rootPassword, until } from './server.mjs';

export class Client {
  constructor(server, token, name) {
    this.server = server;
    this.token = token;
    this.name = name;
    this.namespace = undefined;
  }

  static async login(server, user = 'root', password = rootPassword) {
    const reply = await fetch(`${server.url}/v1/api/auth/login`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user, password }),
    });
    const body = await reply.json();
    if (reply.status !== 200) throw Object.assign(new Error(`login of ${user}: ${reply.status} ${JSON.stringify(body)}`), { status: reply.status, body });
    const client = new Client(server, body.access_token, user);
    client.session = body;
    return client;
  }

  // A user made by this admin and logged in.
  async newUser(name, role = 'user', password = `pw-of-${name}-0123456789`.slice(0, 100)) {
    await this.ok(`CREATE USER '${name.replaceAll("'", "''")}' WITH PASSWORD '${password.replaceAll("'", "''")}' ROLE ${role}`);
    return Client.login(this.server, name, password);
  }

  // The whole reply: {status (HTTP), body, headers}.
  async request(sql, params, headers = {}) {
    const body = { sql };
    if (params !== undefined) body.params = params;
    if (this.namespace !== undefined) body.namespace_id = this.namespace;
    const reply = await fetch(`${this.server.url}/v1/api/sql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token}`, ...headers },
      body: JSON.stringify(body),
    });
    const text = await reply.text();
    let parsed;
    try { parsed = JSON.parse(text); } catch { parsed = text; }
    return { status: reply.status, body: parsed, headers: reply.headers };
  }

  // The results of statements that must succeed.
  async ok(sql, params, headers) {
    const { status, body } = await this.request(sql, params, headers);
    if (status !== 200 || body.status !== 'success') throw Object.assign(new Error(`${sql.slice(0, 300)} → ${status} ${JSON.stringify(body.error ?? body)}`), { code: body.error?.code, body });
    return body.results;
  }

  async rows(sql, params, headers) {
    const results = await this.ok(sql, params, headers);
    return results[results.length - 1].rows;
  }

  async value(sql, params, headers) {
    return (await this.rows(sql, params, headers))[0][0];
  }

  // The error object of a request that must fail; with `code`, exactly so.
  async error(sql, code, params, headers) {
    const { status, body } = await this.request(sql, params, headers);
    if (body.status !== 'error') throw new Error(`${sql.slice(0, 300)} should have failed${code ? ` with ${code}` : ''}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
    if (code && body.error.code !== code) throw new Error(`${sql.slice(0, 300)}: expected ${code}, got ${status} ${JSON.stringify(body.error)}`);
    return { http: status, ...body.error };
  }

  async live() {
    const live = new Live(this);
    await live.open();
    return live;
  }
}

export class Live {
  constructor(client) {
    this.client = client;
    this.frames = [];       // every frame, in order
    this.closed = null;     // {code, reason}
  }

  async open({ bearer = true } = {}) {
    const headers = bearer ? { authorization: `Bearer ${this.client.token}` } : {};
    this.socket = new WebSocket(this.client.server.url.replace('http', 'ws') + '/v1/ws', { headers, perMessageDeflate: false });
    this.socket.on('message', (data, isBinary) => { this.frames.push(isBinary ? { type: '(binary)', data } : JSON.parse(data.toString())); });
    this.socket.on('close', (code, reason) => { this.closed = { code, reason: reason.toString() }; });
    this.socket.on('error', (error) => { this.failure = error; });
    await until(() => this.socket.readyState === WebSocket.OPEN || this.closed || this.failure, 'the socket to open');
    if (this.failure) throw this.failure;
    if (bearer) await this.next((frame) => frame.type === 'auth_success', 'auth_success');
  }

  send(message) { this.socket.send(typeof message === 'string' ? message : JSON.stringify(message)); }

  subscribe(id, sql, options, params, extra = {}) {
    const subscription = { id, sql, ...extra };
    if (options !== undefined) subscription.options = options;
    if (params !== undefined) subscription.params = params;
    this.send({ type: 'subscribe', subscription });
  }

  of(id) { return this.frames.filter((frame) => frame.subscription_id === id); }

  // Waits for a frame that fits.
  async next(fits, what = 'a frame', ms) {
    return until(() => this.frames.find(fits) ?? (this.closed ? Promise.reject(new Error(`the socket closed (${JSON.stringify(this.closed)}) before ${what}`)) : null), `${what}; frames so far: ${JSON.stringify(this.frames).slice(0, 2000)}`, ms);
  }

  async ready(id) {
    return this.next((frame) => frame.subscription_id === id && (frame.batch_control?.status === 'ready' || frame.type === 'error'), `ready of ${id}`);
  }

  async count(id, type, n, ms) {
    await until(() => this.of(id).filter((frame) => frame.type === type).length >= n, `${n} ${type} frames of ${id}; so far: ${JSON.stringify(this.of(id)).slice(0, 2000)}`, ms);
    return this.of(id).filter((frame) => frame.type === type);
  }

  async close() {
    this.socket.close();
    await until(() => this.closed, 'the socket to close');
  }
}

// What a client that follows the protocol holds: rows by key, kept true by snapshot batches, changes, resyncs and schema changes.
export class Replica {
  constructor(keys) {
    this.keys = keys;
    this.rows = new Map();
    this.seq = null;
    this.changes = [];
  }

  keyOf(row) { return JSON.stringify(this.keys.map((name) => row[name])); }

  // Applies one frame of the subscription; throws on what the protocol forbids.
  apply(frame) {
    switch (frame.type) {
      case 'subscription_ack': this.seq = frame.seq; break;
      case 'resync_required': this.rows.clear(); this.seq = frame.seq; break;
      case 'initial_data_batch': for (const row of frame.rows) this.rows.set(this.keyOf(row), row); break;
      case 'change': {
        if (this.lastSeq !== undefined && BigInt(frame.seq) < this.lastSeq) throw new Error(`seq went back: ${frame.seq} after ${this.lastSeq}`);
        this.lastSeq = BigInt(frame.seq);
        this.seq = frame.seq;
        this.changes.push(frame);
        if (frame.change_type === 'delete') {
          for (const row of frame.old_values) if (!this.rows.delete(this.keyOf(row))) throw new Error(`delete of a row that is not held: ${JSON.stringify(row)}`);
        } else {
          for (const row of frame.rows) {
            const held = this.rows.has(this.keyOf(row));
            if (held !== (frame.change_type === 'update')) throw new Error(`${frame.change_type} of a row that is ${held ? '' : 'not '}held: ${JSON.stringify(row)}`);
            this.rows.set(this.keyOf(row), row);
          }
        }
        break;
      }
      case 'schema_change': this.seq = frame.seq; break;
      default: throw new Error(`unexpected frame ${JSON.stringify(frame)}`);
    }
  }

  sorted() { return [...this.rows.values()].map((row) => JSON.stringify(row)).sort(); }
}
