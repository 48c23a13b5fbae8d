export { landing, pages } from './routes.ts';
export { renderPage, type PageHeaders, type PageModel } from './messages.ts';
export type { RenderedPage } from './document.ts';
