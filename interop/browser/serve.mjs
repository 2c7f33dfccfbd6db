// A folder of written pages on a free port of 127.0.0.1, under the headers that the folder's headers.json has.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';

const types = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' };

export async function serve(folder) {
  const headers = JSON.parse(readFileSync(join(folder, 'headers.json'), 'utf8'));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const name = basename(pathname);
    try {
      if (pathname.startsWith('/connect/assets/')) {
        const body = readFileSync(join(folder, 'assets', name));
        response.writeHead(200, { 'content-type': types[name.split('.').pop()], 'x-content-type-options': 'nosniff' }).end(body);
      } else {
        const body = readFileSync(join(folder, `${name}.html`));
        response.writeHead(200, headers).end(body);
      }
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((resolve) => server.close(resolve)) };
}
