// packages.mjs: fetches the npm packages the pages are made of, as package-lock.json pins them.
//
//   node packages.mjs OUT              unpacks them below OUT, each in a directory of its name
//   node packages.mjs --download OUT   only puts their archives into OUT
//
// `npm pack`, not `npm ci`: the bundles of swagger-ui-dist and redoc hold all they need, so that only the three
// archives are downloaded, not the 120 packages that redoc would need to be built again, and no package's
// install script runs. npm is the client because it knows the site's registry, proxy and certificates.
// An archive that lies in packages/ beside this file, or in OUT already, is not downloaded; each is compared
// with the lock file before it is used.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const read = name => JSON.parse(readFileSync(join(here, name), 'utf8'));
const wanted = read('package.json').dependencies;
const locked = read('package-lock.json').packages;
const downloadOnly = process.argv[2] === '--download';
const out = process.argv[downloadOnly ? 3 : 2];

function stop(reason) {
  process.stderr.write(`
The API's documentation pages cannot be built: ${reason}
They need these npm packages: ${Object.entries(wanted).map(([name, version]) => `${name}@${version}`).join(' ')}
What to do, one of:
  - let this machine reach an npm registry (npm config set registry URL, or proxy, or cafile), and build again;
  - on a machine that does:    node services/ingest/docs/packages.mjs --download services/ingest/docs/packages
    then copy services/ingest/docs/packages here, and build again.
`);
  process.exit(1);
}

const archiveOf = name => `${name.replace('@', '').replace('/', '-')}-${wanted[name]}.tgz`;

function matchesLock(name, archive) {
  const entry = locked[`node_modules/${name}`];
  if (entry?.version !== wanted[name])
    stop(`package-lock.json does not hold ${name}@${wanted[name]}`);
  return 'sha512-' + createHash('sha512').update(readFileSync(archive)).digest('base64') === entry.integrity;
}

function download(names) {
  const options = ['--silent', '--ignore-scripts', '--fetch-retries=1', '--fetch-retry-mintimeout=1000'];
  const packages = names.map(name => `${name}@${wanted[name]}`);
  process.stdout.write(`npm: ${packages.join(' ')}\n`);
  try {
    execFileSync('npm', ['pack', ...options, '--loglevel=error', `--pack-destination=${out}`, ...packages],
                 { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    stop(error.code === 'ENOENT' ? 'npm is not installed (deploy/install build).'
                                 : 'npm could not download them, see above.');
  }
}

function unpack(name, archive) {
  const directory = join(out, name);
  const making = `${directory}.making`;
  rmSync(making, { recursive: true, force: true });
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', making, '--strip-components=1', '--no-same-owner']);
  renameSync(making, directory);
}

if (out === undefined) {
  process.stderr.write('usage: packages.mjs [--download] OUT\n');
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const names = Object.keys(wanted);
const places = name => [join(here, 'packages', archiveOf(name)), join(out, archiveOf(name))];
const find = name => places(name).find(place => existsSync(place) && matchesLock(name, place));
const missing = names.filter(name => !find(name));
if (missing.length > 0)
  download(missing);
for (const name of names) {
  const archive = find(name);
  if (!archive)
    stop(`${archiveOf(name)} is not what package-lock.json says (another checksum).`);
  if (!downloadOnly)
    unpack(name, archive);
}
