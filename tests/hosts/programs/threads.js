// SPDX-License-Identifier: MIT
// node: worker threads, child processes, a server and its clients, a signal of its own.
const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
if (!isMainThread) { parentPort.postMessage(workerData ** 2); return; }
const http = require('http'), cp = require('child_process'), fs = require('fs');
const work = n => new Promise(done => new Worker(__filename, {workerData: n}).on('message', done));
const get = (port, path) => new Promise(done => http.get({port, path, agent: false}, r => {
  let s = ''; r.on('data', d => s += d).on('end', () => done(s)); }));
(async () => {
  console.log(await Promise.all([1, 2, 3, 4].map(work)));
  console.log(cp.execSync('echo from the shell').toString().trim());
  console.log(cp.spawnSync('sh', ['-c', 'exit 7']).status);
  await new Promise(done => cp.exec('kill -TERM $$', e => { console.log(e.signal); done(); }));
  const server = http.createServer((q, r) => r.end('path ' + q.url)).listen(0, '127.0.0.1');
  await new Promise(done => server.once('listening', done));
  const port = server.address().port;
  console.log(await Promise.all([1, 2, 3, 4, 5].map(i => get(port, '/' + i))));
  server.close(); fs.writeFileSync('written', 'x'.repeat(1000));
  console.log(fs.readFileSync('written').length);
  process.once('SIGINT', () => console.log('SIGINT seen')); process.kill(process.pid, 'SIGINT');
})();
