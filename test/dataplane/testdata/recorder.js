// An upstream that prints one line of JSON for each request it sees, and for
// each that it cannot read. Its parser is lenient on purpose: what it would
// misread must not reach it. Usage: node recorder.js PORT
'use strict';
const http = require('http');

const tell = (what) => process.stdout.write(JSON.stringify(what) + '\n');

const server = http.createServer({ insecureHTTPParser: true, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (req, res) => {
  const seen = { id: req.headers['x-kong-request-id'] || '', method: req.method, target: req.url };
  tell(seen);
  const answer = () => {
    res.setHeader('X-Seen', req.method + ' ' + req.url);
    res.setHeader('Content-Length', 2);
    res.end('ok');
  };
  if (req.url.includes('ignore')) {
    answer(); // the body is left for Node to throw away
    return;
  }
  req.on('data', () => {});
  req.on('end', answer);
});
server.on('clientError', (err, socket) => {
  // A request that was given up in its middle is none that cannot be read.
  if (String(err.code).startsWith('HPE_') && err.code !== 'HPE_INVALID_EOF_STATE') {
    tell({ unreadable: err.code + ' ' + String(err.rawPacket) });
  }
  socket.destroy();
});
server.listen(Number(process.argv[2]), '127.0.0.1');
