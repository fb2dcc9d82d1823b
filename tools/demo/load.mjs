// node load.mjs URL PASSWORD_FILE COPY_DIRECTORY: the flights into a server that has none yet; called by tools/run.sh.
import { readFileSync } from 'node:fs';
import { Client } from '../../tests/harness/client.mjs';
import { loadFlights, prepareFlights } from './flights.mjs';

const [url, passwordFile, directory] = process.argv.slice(2);
const client = await Client.login({ url }, 'root', readFileSync(passwordFile, 'utf8').trim());
const there = await client.request('SELECT count(*) FROM demo.flights');
if (there.body.status === 'success' && there.body.results[0].rows[0][0] === '3000000') {
  console.log('  demo.flights is there: 3,000,000 rows');
} else {
  if (there.body.status === 'success') await client.ok('DROP TABLE demo.flights');
  await loadFlights(client, prepareFlights(directory));
}
