/** What a sign-in page weighs: the page and every file that it names, compressed as a proxy would. */
import { gzipSync } from 'node:zlib';
import { createBrowser } from '../test/support/browser.ts';
import { authorizePath } from './targets.ts';
import { ownPage, userNames } from './fixtures.ts';

export interface PageWeight { readonly name: string; readonly html: number; readonly css: number; readonly script: number }

export async function weighPages(origin: string): Promise<PageWeight[]> {
  const browser = createBrowser(origin);
  const pages: PageWeight[] = [];
  const size = (text: string) => gzipSync(text, { level: 6 }).length;
  const weigh = async (name: string, html: string) => {
    const files = async (pattern: RegExp) => {
      let sum = 0;
      for (const [, address = ''] of html.matchAll(pattern)) {
        const answer = await fetch(new URL(address, origin));
        if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
        sum += size(await answer.text());
      }
      return sum;
    };
    pages.push({ name, html: size(html), css: await files(/<link rel="stylesheet" href="([^"]+)"/g), script: await files(/<script src="([^"]+)"/g) });
  };
  let page = await browser.open(`${origin}${authorizePath({ base: '/t/default' }).replace(/client_id=[^&]+/, `client_id=${ownPage.id}`)}`);
  await weigh('identify', page.text);
  page = await browser.submit(page, { identifier: userNames[0] ?? '' });
  await weigh('password', page.text);
  page = await browser.submit(page, { password: 'not the right password' });
  await weigh('password, refused', page.text);
  return pages;
}
