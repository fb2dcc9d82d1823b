// What the demo prints: headings, a progress bar, tables, timings.
const tty = process.stdout.isTTY;
export const heading = (text) => console.log(`\n${tty ? '\x1b[1m' : ''}── ${text} ${'─'.repeat(Math.max(0, 90 - text.length))}${tty ? '\x1b[0m' : ''}`);
export const say = (text) => console.log(text);

// A bar that moves in place on a terminal, and prints quarters elsewhere.
export function progress(label, total) {
  const start = Date.now();
  let shown = -1;
  return (done, extra = '') => {
    const part = Math.min(1, done / total);
    const step = Math.floor(part * (tty ? 40 : 4));
    if (step === shown && part < 1) return;
    shown = step;
    const line = `  ${label} ${'█'.repeat(Math.floor(part * 40)).padEnd(40, '░')} ${String(Math.floor(part * 100)).padStart(3)} %  ${((Date.now() - start) / 1000).toFixed(1)} s ${extra}`;
    if (tty) process.stdout.write(`\r${line}${part === 1 ? '\n' : ''}`);
    else console.log(line);
  };
}

// While something runs whose progress nobody tells: the seconds.
export async function waiting(label, work) {
  const start = Date.now();
  const timer = tty ? setInterval(() => process.stdout.write(`\r  ${label} … ${((Date.now() - start) / 1000).toFixed(1)} s`), 100) : null;
  try {
    return await work;
  } finally {
    if (timer) clearInterval(timer);
    const seconds = ((Date.now() - start) / 1000).toFixed(2);
    process.stdout.write(`${tty ? '\r' : ''}  ${label}: ${seconds} s${' '.repeat(20)}\n`);
  }
}

export function table(schema, rows) {
  const cells = [schema.map((c) => c.name), ...rows.map((row) => row.map((v) => (v === null ? 'NULL' : typeof v === 'object' ? JSON.stringify(v) : String(v))))];
  const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => [...row[i]].length)));
  const line = (row) => `  │ ${row.map((v, i) => v + ' '.repeat(widths[i] - [...v].length)).join(' │ ')} │`;
  const rule = (l, m, r) => `  ${l}${widths.map((w) => '─'.repeat(w + 2)).join(m)}${r}`;
  console.log([rule('┌', '┬', '┐'), line(cells[0]), rule('├', '┼', '┤'), ...cells.slice(1).map(line), rule('└', '┴', '┘')].join('\n'));
}

// Runs a question, shows it, its answer and how long it took.
export async function ask(client, sql, params) {
  const start = Date.now();
  const results = await client.ok(sql, params);
  const result = results[results.length - 1];
  say(`\n  ${sql}${params ? `   ${JSON.stringify(params)}` : ''}`);
  if (result.rows) table(result.schema, result.rows.slice(0, 12));
  say(`  ${result.message ?? `${result.row_count} row(s)`}, ${Date.now() - start} ms`);
  return result;
}
