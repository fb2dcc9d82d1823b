// Starts a real kalamdb server for a test: own data directory, free port, ended by process id.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const preset = process.env.KALAM_PRESET ?? 'dev';
export const bin = path.join(root, 'build', preset, 'bin');
// A sanitizer build needs more time for the same work: every time limit of a test is multiplied by this.
export const patience = { asan: 4, tsan: 10 }[preset] ?? 1;
const sanitizerReport = /(Thread|Address|Leak)Sanitizer:|runtime error:/;
export const rootPassword = 'test-root-Pa55phrase';

// until(fn, what): polls a condition; fails with `what` after `ms` times `patience`. The one way tests wait.
export async function until(condition, what, ms = 30_000) {
  ms *= patience;
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for: ${what}`);
    await pause(2);  // polling without it takes a core from the server
  }
}

export class Server {
  // options: {dir, flags: [...], env: {...}}; a directory that is made here goes away with the server.
  static async start(options = {}) {
    const server = new Server(options);
    await server.launch();
    return server;
  }

  constructor(options) {
    this.options = options;
    this.ownsDir = !options.dir;
    this.dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'kalamdb-test-'));
    this.log = '';
    this.report = '';
  }

  async launch(extraEnv = {}) {
    const program = path.join(bin, 'kalamdb');
    if (!existsSync(program)) throw new Error(`${program} is missing: run ./dev build ${preset}`);
    this.child = spawn(program, ['serve', '--data-dir', this.dir, '--listen', `127.0.0.1:${this.port ?? 0}`, ...(this.options.flags ?? [])], {
      env: { ...process.env, KALAMDB_ROOT_PASSWORD: rootPassword, ...(this.options.env ?? {}), ...extraEnv },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.child, 'exit');
    this.exit = null;
    this.child.on('exit', (code, signal) => { this.exit = { code, signal }; });
    const keep = (chunk) => {
      this.log = (this.log + chunk).slice(-200_000);
      if (this.report || (patience > 1 && sanitizerReport.test(chunk))) this.report = (this.report + chunk).slice(0, 100_000);
    };
    this.log = '';
    this.report = '';
    this.child.stdout.on('data', keep);
    this.child.stderr.on('data', keep);
    await until(() => {
      if (this.exit) throw new Error(`the server ended at once (${JSON.stringify(this.exit)}):\n${this.story()}`);
      const match = /127\.0\.0\.1:(\d+)/.exec(this.log);
      if (match) this.url = `http://127.0.0.1:${match[1]}`;
      return match;
    }, 'the address the server prints');
    await until(async () => {
      if (this.exit) throw new Error(`the server ended before it was ready (${JSON.stringify(this.exit)}):\n${this.story()}`);
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.status === 200;
    }, 'readyz');
  }

  // What a failed test prints of the log: a sanitizer's reports, or the end.
  story() {
    return this.report ? `a sanitizer's report:\n${this.report}` : this.log.slice(-4000);
  }

  // SIGTERM: a clean stop; resolves to the exit code.
  async stop() {
    if (this.exit === null) {
      this.child.kill('SIGTERM');
      await this.exited;
    }
    return this.exit.code;
  }

  // SIGKILL: what a crash leaves.
  async kill() {
    if (this.exit === null) {
      this.child.kill('SIGKILL');
      await this.exited;
      // A clean stop would have told of it by its exit code.
      if (this.report) throw new Error(this.story());
    }
  }

  async restart(env = {}) {
    const code = await this.stop();
    if (code !== 0) throw new Error(`the server ended with ${JSON.stringify(this.exit)}:\n${this.story()}`);
    await this.launch(env);
  }

  async crash(env = {}) {
    await this.kill();
    await this.launch(env);
  }

  // Always at the end of a test. A server that did not end cleanly fails the test that used it.
  async close({ expectCrash = false } = {}) {
    const code = await this.stop();
    if (this.ownsDir) rmSync(this.dir, { recursive: true, force: true });
    if (this.report || (code !== 0 && !expectCrash)) throw new Error(`the server ended with ${JSON.stringify(this.exit)}:\n${this.story()}`);
  }
}
