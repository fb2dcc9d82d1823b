// ./dev demo: a server on a temporary directory, and real data through every part of it.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server } from '../../tests/harness/server.mjs';
import { Client } from '../../tests/harness/client.mjs';
import { ask, heading, say, waiting } from './screen.mjs';
import { loadFlights, prepareFlights } from './flights.mjs';
import { chat } from './chat.mjs';
import { evolution } from './evolution.mjs';

const dir = mkdtempSync(path.join(tmpdir(), 'kalamdb-demo-'));
const data = path.join(dir, 'data');
const questions = [
  'SELECT count(*) AS flights, min(date) AS first, max(date) AS last FROM demo.flights',
  'SELECT origin, count(*) AS flights, round(avg(delay), 1) AS delay FROM demo.flights GROUP BY origin ORDER BY flights DESC LIMIT 5',
  "SELECT origin, destination, max(delay) AS worst FROM demo.flights WHERE distance > 2000 AND date >= '2001-06-01' GROUP BY ALL ORDER BY worst DESC LIMIT 5",
];

async function metrics(server) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return new Map(text.split('\n').filter((line) => /^(kalamdb|process)_/.test(line)).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

function files(folder, found = []) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) files(full, found);
    else if (entry.name.endsWith('.parquet')) found.push(full);
  }
  return found;
}

let server;
try {
  heading('Preparing: three million flights of 2001, the last 60,000 apart');
  const flights = prepareFlights(path.join(dir, 'copy'));
  server = await Server.start({ dir: data, flags: ['--storage.copy_directories', path.join(dir, 'copy')] });
  say(`  the server runs on ${server.url}, its data in ${data}`);
  let root = await Client.login(server);
  const before = await metrics(server);

  heading('Loading');
  await loadFlights(root, flights);
  await ask(root, 'SHOW STATS FOR TABLE demo.flights');
  heading('Three questions over cold and hot rows');
  for (const question of questions) await ask(root, question);
  heading('Flush: hot rows become Parquet');
  await waiting('STORAGE FLUSH TABLE demo.flights WAIT', root.ok('STORAGE FLUSH TABLE demo.flights WAIT'));
  await ask(root, 'SHOW STATS FOR TABLE demo.flights');
  heading('A column with a default: nothing is rewritten');
  await ask(root, "ALTER TABLE demo.flights ADD COLUMN season TEXT DEFAULT 'unknown'");
  await ask(root, "INSERT INTO demo.flights (date, delay, distance, origin, destination, season) VALUES ('2001-07-02', 5, 100, 'AAA', 'BBB', 'summer')");
  await ask(root, 'SELECT season, count(*) AS flights FROM demo.flights GROUP BY season ORDER BY flights DESC');
  await ask(root, 'DESCRIBE demo.flights HISTORY');

  root = await chat(server, root);
  await evolution(server, root);

  heading('Files written');
  for (const file of files(data)) say(`  ${(statSync(file).size / 1024).toFixed(0).padStart(8)} KiB  ${path.relative(data, file)}`);
  heading('Metrics that moved (the server restarted during the chat: counters since then)');
  const after = await metrics(server);
  for (const [name, value] of after) if (!/_bucket|_sum\b/.test(name) && value !== 0 && value !== before.get(name)) say(`  ${name} ${value}`);
  heading('Done');
} finally {
  if (server) await server.close();
  rmSync(dir, { recursive: true, force: true });
}
