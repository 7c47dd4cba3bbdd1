// VitePress finds links to pages that do not exist. This finds those to pages and anchors that the
// built site lacks.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Throws an error that names every link within the site that leads nowhere. */
export function checkLinks(dist, base) {
  const files = readdirSync(dist, { recursive: true })
  const html = new Map(files.filter((f) => f.endsWith('.html') && f !== '404.html')
    .map((f) => ['/' + f.replace(/(^|\/)index\.html$/, '$1').replace(/\.html$/, ''), readFileSync(join(dist, f), 'utf8')]))
  const ids = new Map([...html].map(([path, text]) => [path, new Set([...text.matchAll(/ id="([^"]*)"/g)].map((m) => m[1]))]))
  const dead = [], here = 'http://site' + base
  for (const [path, text] of html) {
    for (const [, href] of text.matchAll(/ href="([^"]*)"/g)) {
      const url = new URL(href, here + path.slice(1))
      if (!url.href.startsWith(here)) continue // it leaves the site
      const target = decodeURI(url.pathname.slice(base.length - 1)), anchor = decodeURIComponent(url.hash.slice(1))
      if (files.includes(target.slice(1))) continue // a picture, a style sheet
      if (!ids.has(target)) dead.push(`${path}: ${href} (no such page)`)
      else if (anchor && !ids.get(target).has(anchor)) dead.push(`${path}: ${href} (no such anchor)`)
    }
  }
  if (dead.length > 0) throw new Error(`links that lead nowhere:\n${dead.join('\n')}`)
  return html.size
}
