/** The machine's Chromium or Chrome, driven by playwright-core; nothing is downloaded. */
import { existsSync } from 'node:fs';
import AxeSource from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

const places = [
  process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable', '/snap/bin/chromium', '/usr/bin/chromium-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Where the browser is; undefined when there is none. */
export const findChromium = (): string | undefined => places.find((place) => place !== undefined && existsSync(place));

export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('The browser tests need Chromium or Chrome: install Debian\'s package chromium, or set CHROMIUM_PATH to its executable.');
  return chromium.launch({
    executablePath,
    // Root has no sandbox; a test browser calls nobody of its own accord.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** Serious and critical findings of axe (WCAG 2.2 A and AA), one line each. The page's own policy stays in force. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Page scripts are refused by the policy; the debugger's isolated evaluation is not a page script.
  const faults = await page.evaluate(`(async () => { const module = { exports: {} }; ${AxeSource.source}; const axe = module.exports.run ? module.exports : window.axe;
    const found = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, help, nodes }) => id + ': ' + help + ' (' + nodes.map(({ target }) => target).join(', ') + ')'); })()`);
  return faults as string[];
}
