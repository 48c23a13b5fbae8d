export { landing, pages } from './routes.ts';
export { renderPage, type PageHeaders, type PageModel } from './messages.ts';
export { renderPlainError } from './plain.ts';
export type { RenderedPage } from './document.ts';
