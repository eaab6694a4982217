//go:build tools

// Package tools pins AWS's Session Manager plugin for machines that have none.
package tools

import _ "github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main"
