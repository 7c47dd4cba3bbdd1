#!/usr/bin/env bash
# Makes the website of the documentation in site/.build/dist, from the .md files of this checkout.
# The build fails if a link or an anchor leads nowhere, or if a page is in no menu.
#
#   site/build.sh          builds; it needs Node 18 or newer, with npm
#   site/build.sh serve    builds, and serves it on http://localhost:4173/holdfast/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p .build
rm -rf .build/pages .build/.vitepress

# A page keeps its place, so that links between pages hold.
mkdir .build/pages
(cd .. && git ls-files -z --cached --others --exclude-standard -- '*.md' 'docs/images' ':!.github' ':!**/testdata/**' |
	xargs -0 cp --parents -t site/.build/pages)
cp -r vitepress .build/.vitepress
cp package.json package-lock.json .npmrc .build

cd .build
if [[ ! -d node_modules || package-lock.json -nt node_modules/.package-lock.json ]]; then
	npm ci --no-progress
fi
npx vitepress build .
if [[ ${1:-} == serve ]]; then npx vitepress preview .; fi
