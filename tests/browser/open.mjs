// open.mjs: a page in a real, headless Chromium, with everything noted that a page in order does not do: errors
// on the console, breaches of its Content-Security-Policy, failed requests, requests to anybody but its server.
//
// playwright-core comes from the working directory's node_modules (see packages); the browser is Debian's.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium } = createRequire(join(process.cwd(), 'tests'))('playwright-core');
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
// Chromium's sandbox refuses to run as root, as tests in a container do.
const ARGUMENTS = process.getuid() === 0 ? ['--no-sandbox'] : [];
const PATIENCE_MS = 120000;

function watch(page, origin, troubles) {
  page.on('console', message => {
    if (message.type() === 'error' || /content security policy/i.test(message.text()))
      troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', error => troubles.push(`exception: ${error.stack}`));
  page.on('requestfailed', request => troubles.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on('request', request => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== origin)
      troubles.push(`asks somebody else: ${url}`);
  });
}

// Opens the page, does the steps with (page, document), and fails when there was any trouble. A screenshot of a
// failure is left in the working directory.
export async function inBrowser(base, path, steps) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, timeout: PATIENCE_MS });
  const troubles = [];
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    page.setDefaultTimeout(PATIENCE_MS);
    watch(page, new URL(base).origin, troubles);
    await page.addInitScript(() => document.addEventListener('securitypolicyviolation', event =>
      console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} (${event.sourceFile}:${event.lineNumber})`)));
    try {
      await page.goto(base + path);
      await steps(page, await (await fetch(`${base}/openapi.json`)).json());
      if (troubles.length > 0)
        throw new Error(`the page is not in order:\n${troubles.join('\n')}`);
    } catch (error) {
      const picture = join(process.cwd(), `failed${path.replaceAll('/', '-')}.png`);
      await page.screenshot({ path: picture, fullPage: true });
      process.stderr.write(`picture: ${picture}\n${troubles.join('\n')}\n`);
      throw error;
    }
  } finally {
    await browser.close();
  }
}

// The operations of a document: [{operationId, tag, summary}].
export function operationsOf(document) {
  const methods = ['get', 'put', 'post', 'delete', 'patch'];
  return Object.values(document.paths).flatMap(item => methods.filter(method => item[method]).map(method => ({
    operationId: item[method].operationId, tag: item[method].tags[0], summary: item[method].summary })));
}
