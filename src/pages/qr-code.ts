/** A QR code as one path of SVG, drawn into the page: no image to load, no style of its own. */
import { encode } from 'uqr';
import { html, type Markup } from './html.ts';

/** Light around it, as scanners need (ISO/IEC 18004 §6.3.8 asks for four modules). */
const border = 4;

export function qrCode(content: string, label: string): Markup {
  const { data, size } = encode(content, { ecc: 'M', border });
  return html`<svg class="qr" role="img" aria-label=${label} viewBox=${`0 0 ${size} ${size}`} shape-rendering="crispEdges">
    <rect width=${size} height=${size} fill="#fff" /><path d=${pathOf(data)} fill="#000" /></svg>`;
}

/** Each run of dark modules is one rectangle. */
function pathOf(rows: readonly (readonly boolean[])[]): string {
  return rows.map((row, y) => [...row.map((isDark) => (isDark ? '1' : '0')).join('').matchAll(/1+/g)]
    .map(({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`).join('')).join('');
}
