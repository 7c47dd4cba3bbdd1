// The website of the documentation: which pages it has, in which order, and where links lead that
// leave the pages. See ../build.sh.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { checkLinks } from './links.mjs'

const repository = 'https://github.com/media-gateway/holdfast'
const build = dirname(dirname(fileURLToPath(import.meta.url))) // site/.build
const checkout = join(build, '..', '..')
const pages = join(build, 'pages')

// What a reader is after, and the pages that say it.
const menu = {
  'Start': ['README.md', 'docs/guide.md', 'docs/recipes.md', 'docs/faq.md'],
  'From another library': ['docs/migrating.md', 'docs/migrating', 'docs/from-rust.md'],
  'Errors and protocols': ['docs/errors.md', 'docs/http.md', 'docs/grpc.md', 'docs/connect.md', 'docs/databases.md', 'docs/aws.md', 'docs/clients.md', 'docs/adapters.md'],
  'Numbers': ['docs/configuration.md', 'docs/tuning.md', 'docs/numbers.md'],
  'In operation': ['docs/observability.md', 'docs/metrics.md', 'docs/fleet.md', 'deploy/README.md'],
  'Evidence': ['docs/storms.md', 'storm/README.md', 'docs/benchmarks.md', 'formal/README.md'],
  'The project': ['docs/architecture.md', 'docs/adr', 'CHANGELOG.md', 'CONTRIBUTING.md', 'RELEASING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', 'api/README.md'],
}
const folders = { 'docs/adr': 'Decisions', 'docs/migrating': 'Side by side' }

// A page that is in no menu, and a menu that names no page, fail the build.
const listed = Object.values(menu).flat()
const unknown = listed.filter((path) => !existsSync(join(pages, path)))
const missing = readdirSync(pages, { recursive: true }).filter((path) =>
  path.endsWith('.md') && !listed.some((l) => path === l || path.startsWith(l + '/')))
if (unknown.length + missing.length > 0) {
  throw new Error(`site/vitepress/config.mjs: no such page: ${unknown.join(', ') || 'none'}; in no menu: ${missing.join(', ') || 'none'}`)
}

/** The heading of a page, without Markdown's marks. */
function title(path) {
  const heading = /^# (.*)$/m.exec(readFileSync(join(pages, path), 'utf8'))
  if (!heading) throw new Error(`${path} has no heading`)
  return heading[1].replaceAll('`', '')
}

/** The address of a page, from its path. */
const address = (path) => '/' + (path === 'README.md' ? '' : path.replace(/README\.md$/, '').replace(/\.md$/, ''))

function item(path) {
  if (!path.endsWith('.md')) { // a folder
    const files = readdirSync(join(pages, path)).sort()
    return { text: folders[path], collapsed: true, items: files.map((file) => item(join(path, file))) }
  }
  return { text: title(path), link: address(path) }
}

/** A link to a README leads to its folder's page, and one to no page at all to the repository. */
function leave(link, page) {
  if (/^([a-z]+:|#|\/)/.test(link)) return link
  const [path, anchor] = link.split('#')
  const target = normalize(join(dirname(page), decodeURI(path)))
  if (existsSync(join(pages, target)) && statSync(join(pages, target)).isFile()) return link.replace(/README\.md(#|$)/, 'index.md$1')
  if (!existsSync(join(checkout, target))) throw new Error(`${page}: the link ${link} leads nowhere`)
  const kind = statSync(join(checkout, target)).isDirectory() ? 'tree' : 'blob'
  return `${repository}/${kind}/main/${target}${anchor ? '#' + anchor : ''}`
}

/** GitHub's anchors, by which the pages link to each other: lower case, "-" for a blank. */
const anchorOf = (heading) => heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-')

export default defineConfig({
  title: 'Holdfast',
  description: 'Retries, breakers, budgets and deadlines for the critical calls of a Go program',
  base: '/holdfast/',
  lang: 'en',
  srcDir: 'pages',
  outDir: 'dist',
  cleanUrls: true,
  buildEnd: ({ outDir, site: { base } }) => console.log(`${checkLinks(outDir, base)} pages, and every link between them leads somewhere`),
  rewrites: (path) => path.replace(/README\.md$/, 'index.md'),
  markdown: {
    anchor: { slugify: anchorOf },
    config(md) {
      md.core.ruler.push('leave', (state) => {
        for (const token of state.tokens.flatMap((t) => t.children ?? [])) {
          const href = token.type === 'link_open' && token.attrGet('href')
          if (href) token.attrSet('href', leave(href, relative(pages, state.env.realPath ?? state.env.path)))
        }
      })
    },
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/docs/guide' },
      { text: 'Errors', link: '/docs/errors' },
      { text: 'Reference', link: 'https://pkg.go.dev/github.com/media-gateway/holdfast' },
    ],
    sidebar: Object.entries(menu).map(([text, paths]) => ({ text, items: paths.map(item) })),
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    editLink: { pattern: `${repository}/edit/main/:path`, text: 'Edit this page' },
  },
})
