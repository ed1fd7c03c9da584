// pages.mjs: makes what ingest serves under /docs, /redoc and /openapi.json, as a C source.
//
//   node pages.mjs PACKAGES OPENAPI.YAML VERSION OUT
//
// PACKAGES is packages.mjs' directory. OUT gets the bytes of every file, plain and gzipped, and docs_files.c,
// the table of docs_files.h that takes them into the program (.incbin, which costs no compile time).
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const [packages, openapi, version, out] = process.argv.slice(2);
const { parse } = await import(pathToFileURL(resolve(packages, 'yaml/dist/index.js')));

const own = name => readFileSync(join(here, name));
const swagger = name => readFileSync(join(packages, 'swagger-ui-dist', name));
const redoc = name => readFileSync(join(packages, 'redoc', name));

function stop(reason) {
  process.stderr.write(`pages.mjs: ${reason}\n`);
  process.exit(1);
}

function makeOpenapi() {
  const document = parse(readFileSync(openapi, 'utf8'), { strict: true, uniqueKeys: true, merge: true });
  if (document.info.version !== version)
    stop(`${openapi} is of version ${document.info.version}, the project of ${version}: make them agree`);
  return Buffer.from(JSON.stringify(document));
}

// ReDoc's menu ends in a logo that it fetches from its makers' server: here it is an empty picture, so that
// the page asks nobody but us.
function makeRedoc() {
  const [before, after, ...more] = redoc('bundles/redoc.standalone.js').toString().split('https://cdn.redoc.ly/redoc/logo-mini.svg');
  if (after === undefined || more.length > 0)
    stop('redoc fetches other things than it did: look for what its bundle loads from elsewhere');
  return Buffer.from(`${before}data:image/gif;base64,R0lGODlhAQABAAAAACw=${after}`);
}

// Scripts and styles only from here, none written into the page. ReDoc makes two kinds of style elements: empty
// ones, filled by script, and one for a scrollbar; they are allowed by the hashes of nothing and of that one (if
// a new version has another, tests/browser says which). Its search runs in a worker made of a blob.
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
  + "form-action 'none'; frame-ancestors 'none'; style-src 'self'";
const redocPolicy = `${policy} 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' `
  + "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; worker-src blob:";

const html = 'text/html; charset=utf-8', script = 'text/javascript; charset=utf-8', style = 'text/css; charset=utf-8';
const text = 'text/plain; charset=utf-8';
const files = [
  ['/openapi.json', 'application/json', makeOpenapi()],
  ['/docs', html, own('docs.html'), policy],
  ['/redoc', html, own('redoc.html'), redocPolicy],
  ['/docs/start-swagger-ui.js', script, own('start-swagger-ui.js')],
  ['/docs/swagger-ui-bundle.js', script, swagger('swagger-ui-bundle.js')],
  ['/docs/swagger-ui.css', style, swagger('swagger-ui.css')],
  ['/docs/favicon-32x32.png', 'image/png', swagger('favicon-32x32.png')],
  ['/docs/start-redoc.js', script, own('start-redoc.js')],
  ['/docs/redoc.standalone.js', script, makeRedoc()],
  ['/docs/redoc.css', style, own('redoc.css')],
  // Their licences, and those of what is bundled in them.
  ['/docs/swagger-ui.LICENSE.txt', text, Buffer.concat([swagger('LICENSE'), swagger('NOTICE')])],
  ['/docs/swagger-ui-bundle.js.LICENSE.txt', text, swagger('swagger-ui-bundle.js.LICENSE.txt')],
  ['/docs/redoc.LICENSE.txt', text, redoc('LICENSE')],
  ['/docs/redoc.standalone.js.LICENSE.txt', text, redoc('bundles/redoc.standalone.js.LICENSE.txt')],
];

let source = `/* docs_files.c: made by docs/pages.mjs. */
#include "services/ingest/docs_files.h"

#define BYTES(symbol, file)                                                        \\
    __asm__(".section .rodata\\n.global " #symbol "\\n" #symbol ":\\n"                \\
            ".incbin \\"" file "\\"\\n.previous\\n");                                  \\
    extern const uint8_t symbol[] __attribute__((visibility("hidden")));
`;
let rows = '';

function addBytes(symbol, bytes) {
  const file = resolve(out, symbol);
  writeFileSync(file, bytes);
  source += `BYTES(${symbol}, ${JSON.stringify(file)})\n`;
  return `{${symbol}, ${bytes.length}}`;
}

mkdirSync(out, { recursive: true });
files.forEach(([path, type, bytes, pagePolicy], index) => {
  const tag = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const gzip = gzipSync(bytes, { level: 9 });
  const plain = addBytes(`docs_plain_${index}`, bytes);
  const packed = gzip.length < bytes.length * 0.9 ? addBytes(`docs_gzip_${index}`, gzip) : '{0}';
  rows += `    {${JSON.stringify(path)}, ${JSON.stringify(type)}, ${pagePolicy ? JSON.stringify(pagePolicy) : 'NULL'},
     "\\"${tag}\\"", "\\"${tag}-gzip\\"", ${plain}, ${packed}},\n`;
});
source += `const struct docs_file docs_files[] = {\n${rows}};\nconst size_t docs_files_count = ${files.length};\n`;
writeFileSync(join(out, 'openapi.json'), files[0][2]);
writeFileSync(join(out, 'docs_files.c'), source);
