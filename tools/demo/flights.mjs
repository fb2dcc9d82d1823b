// The three million flights of the data set: the first part by COPY, the last 60,000 as INSERTs of 1,000 rows.
import { execFileSync } from 'node:child_process';
import { readFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { progress, waiting } from './screen.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const tailRows = 60_000;

// Writes flights.parquet and flights-tail.ndjson into `directory`, which the server may COPY from.
export function prepareFlights(directory) {
  mkdirSync(directory, { recursive: true });
  const head = path.join(directory, 'flights.parquet');
  const tail = path.join(directory, 'flights-tail.ndjson');
  if (!existsSync(tail)) {
    execFileSync(path.join(root, 'build/release/bin/split-parquet'), [path.join(root, '.deps/data/flights-3m.parquet'), head, tail, String(tailRows)], { stdio: 'inherit' });
  }
  return { head, tail };
}

export async function loadFlights(client, { head, tail }, headers = { 'x-durability': 'wal' }) {
  await client.ok('CREATE NAMESPACE IF NOT EXISTS demo');
  await client.ok("CREATE SHARED TABLE demo.flights (date TIMESTAMP, delay BIGINT, distance BIGINT, origin TEXT, destination TEXT) WITH (ACCESS_LEVEL='PUBLIC')");
  await waiting('COPY of 2,940,000 rows', client.ok(`COPY demo.flights FROM '${head.replaceAll("'", "''")}'`, undefined, headers));
  const rows = readFileSync(tail, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const show = progress('60 INSERTs of 1,000 rows', rows.length);
  const values = Array.from({ length: 1000 }, (_, i) => `(${[1, 2, 3, 4, 5].map((n) => `$${i * 5 + n}`).join(', ')})`).join(', ');
  const sql = `INSERT INTO demo.flights (date, delay, distance, origin, destination) VALUES ${values}`;
  for (let i = 0; i < rows.length; i += 1000) {
    const params = rows.slice(i, i + 1000).flatMap(([date, ...rest]) => [date === null ? null : Number(date), ...rest]);
    await client.ok(sql, params, headers);
    show(i + 1000);
  }
  rmSync(head);
  rmSync(tail);
}
