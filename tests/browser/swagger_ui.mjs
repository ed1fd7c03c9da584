// swagger_ui.mjs URL KEY: a person at /docs. Sees every operation, gives the key, sends the example event that is
// already filled in, sees the verdict; picks filters from drop-downs and finds the incident. Prints its id.
import assert from 'node:assert/strict';
import { inBrowser, operationsOf } from './open.mjs';

const [base, key] = process.argv.slice(2);

// Opens an operation, and gives what is inside it.
async function open(page, tag, operationId) {
  const block = page.locator(`#operations-${tag}-${operationId}`);
  await block.locator('.opblock-summary-control').click();
  await block.locator('.execute').waitFor();
  return block;
}

// Presses Execute; gives the status and the body that came back.
async function execute(block) {
  await block.locator('.execute').click();
  const live = block.locator('.live-responses-table .response').first();
  await live.waitFor();
  const status = await live.locator('.response-col_status').innerText();
  return { status: Number.parseInt(status, 10), body: JSON.parse(await live.locator('.highlight-code code').first().innerText()) };
}

async function authorize(page) {
  await page.locator('.auth-wrapper .authorize').click();
  const dialog = page.locator('.modal-ux');
  const scheme = dialog.locator('.auth-container', { hasText: 'X-API-Key' });
  await scheme.locator('input').fill(key);
  await scheme.locator('.auth-btn-wrapper .authorize').click();
  await scheme.locator('.btn-done').click();
}

async function sendExample(page) {
  const block = await open(page, 'events', 'sendEvent');
  const example = JSON.parse(await block.locator('textarea.body-param__text').inputValue());
  assert.equal(example.event_type, 'login_failed', 'the example is filled in');
  const { status, body } = await execute(block);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.status, 'threat_detected');
  assert.equal(body.log.source_ip, example.source_ip);
  assert.match(body.incident_id, /^INC-/);
  return body;
}

async function findIncident(page, document, verdict) {
  const block = await open(page, 'incidents', 'listIncidents');
  const select = name => block.locator(`tr[data-param-name="${name}"] select`);
  for (const [name, schema] of [['severity', 'Severity'], ['status', 'IncidentStatus']]) {
    const options = await select(name).locator('option').evaluateAll(all => all.map(option => option.value).filter(Boolean));
    assert.deepEqual(options, document.components.schemas[schema].enum, `a drop-down for ${name}`);
  }
  await select('severity').selectOption(verdict.log.severity);
  await select('status').selectOption('detected');
  const { status, body } = await execute(block);
  assert.equal(status, 200, JSON.stringify(body));
  assert.ok(body.incidents.some(incident => incident.id === verdict.incident_id), 'the incident is in the list');
}

await inBrowser(base, '/docs', async (page, document) => {
  await page.locator('.opblock').first().waitFor();
  for (const { tag, operationId } of operationsOf(document))
    await page.locator(`#operations-${tag}-${operationId}`).waitFor();
  await authorize(page);
  const verdict = await sendExample(page);
  await findIncident(page, document, verdict);
  process.stdout.write(`${verdict.incident_id}\n`);
});
