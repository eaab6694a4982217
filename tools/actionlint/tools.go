//go:build tools

// Package actionlint pins the linter of .github/workflows.
package actionlint

import _ "github.com/rhysd/actionlint/cmd/actionlint"
