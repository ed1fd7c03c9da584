// redoc.mjs URL: a person at /redoc. Sees every operation in the menu and in the text, and searches for one.
import { inBrowser, operationsOf } from './open.mjs';

const [base] = process.argv.slice(2);

await inBrowser(base, '/redoc', async (page, document) => {
  await page.locator('h1', { hasText: document.info.title }).waitFor();
  for (const { summary, tag, operationId } of operationsOf(document)) {
    await page.locator(`[id="tag/${tag}/operation/${operationId}"] h2`, { hasText: summary }).waitFor();
    await page.locator('.menu-content li', { hasText: summary }).first().waitFor({ state: 'attached' });
  }
  await page.locator('.menu-content input').fill('ledger');
  await page.locator('[data-role="search:results"]', { hasText: 'Do the books balance?' }).waitFor();
});
