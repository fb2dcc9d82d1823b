// Two users who write to each other's screens' envy: each has a partition of their own in one USER table, and watches it live.
import { readFileSync, existsSync } from 'node:fs';
import { until } from '../../tests/harness/server.mjs';
import { Client, Replica } from '../../tests/harness/client.mjs';
import { heading, say } from './screen.mjs';

function fortunes() {
  const files = ['/usr/share/games/fortunes/fortunes', '/usr/share/games/fortunes/literature', '/usr/share/games/fortunes/riddles'];
  const file = files.find(existsSync);
  if (!file) throw new Error("Debian's package `fortunes` is not installed: run ./dev setup");
  return readFileSync(file, 'utf8').split('\n%\n').map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => text.length > 10 && text.length < 70);
}

class Screen {
  constructor(name) {
    this.name = name;
    this.replica = new Replica(['room', 'id']);
    this.log = [];
  }
  async watch(client) {
    this.client = client;
    this.live = await client.live();
    this.seen = 0;
    this.live.subscribe('screen', 'SELECT * FROM demo.chat', this.replica.seq === null ? {} : { from: this.replica.seq });
    await this.live.next((f) => f.type === 'subscription_ack' || f.type === 'error', 'the acknowledgement');
  }
  apply() {
    const frames = this.live.of('screen');
    for (; this.seen < frames.length; this.seen++) {
      const frame = frames[this.seen];
      this.replica.apply(frame);
      const short = (row) => `${row.room}: ${row.body}${row.mood === undefined ? '' : ` (${row.mood})`}`;
      if (frame.type === 'change') for (const row of frame.rows ?? frame.old_values) this.log.push(`${frame.change_type} ${short(row)}  seq ${frame.seq}`);
      if (frame.type === 'schema_change') this.log.push(`schema_change ${frame.table}: version ${frame.old_version} → ${frame.new_version}  seq ${frame.seq}`);
    }
    return this.replica.rows.size;
  }
  async shows(n) { await until(() => this.apply() === n, `${n} rows on ${this.name}'s screen`); }
}

export async function chat(server, root) {
  heading('A chat between two users, each seeing only their own, across an ALTER and a restart');
  const texts = fortunes();
  await root.ok('CREATE NAMESPACE IF NOT EXISTS demo');
  await root.ok('CREATE USER TABLE demo.chat (room TEXT, id BIGINT DEFAULT SNOWFLAKE_ID(), body TEXT, PRIMARY KEY (room, id))');
  const names = ['alice', 'bob'];
  const password = (name) => `demo-${name}-0123456789`;
  for (const name of names) await root.ok(`CREATE USER ${name} WITH PASSWORD '${password(name)}' ROLE user`);
  const screens = names.map((name) => new Screen(name));
  for (const screen of screens) await screen.watch(await Client.login(server, screen.name, password(screen.name)));

  let n = 0;
  const write = async (screen, extra = {}) => {
    const columns = ['room', 'body', ...Object.keys(extra)];
    await screen.client.ok(`INSERT INTO demo.chat (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`, [n % 2 ? 'lobby' : 'garden', texts[n * 7 % texts.length], ...Object.values(extra)]);
    n++;
  };
  for (let i = 0; i < 3; i++) for (const screen of screens) await write(screen);
  for (const screen of screens) await screen.shows(3);
  await root.ok("ALTER TABLE demo.chat ADD COLUMN mood TEXT DEFAULT 'calm'");
  for (const screen of screens) await write(screen, { mood: 'curious' });
  for (const screen of screens) await screen.shows(4);
  await root.ok('STORAGE FLUSH TABLE demo.chat WAIT');
  await screens[0].client.ok("UPDATE demo.chat SET body = body || ' — edited' WHERE room = 'garden'");

  say('  the server restarts; the screens come back and say where they were');
  await server.restart();
  const again = await Client.login(server);
  for (const screen of screens) {
    await screen.watch(await Client.login(server, screen.name, password(screen.name)));
    await write(screen, { mood: 'back' });
    await screen.shows(5);
  }
  await screens[1].client.ok('DELETE FROM demo.chat WHERE body = (SELECT min(body) FROM demo.chat)');
  await screens[1].shows(4);
  for (const screen of screens) {
    say(`\n  what ${screen.name}'s screen was told:`);
    for (const line of screen.log) say(`    ${line}`);
    const rows = await screen.client.rows('SELECT count(*) FROM demo.chat');
    if (Number(rows[0][0]) !== screen.replica.rows.size) throw new Error(`${screen.name}'s screen shows ${screen.replica.rows.size} rows, a SELECT ${rows[0][0]}`);
    screen.live.socket.terminate();
  }
  say('\n  both screens hold exactly what a SELECT of their user answers');
  return again;
}
