//go:build tools

// Package engine pins the Pulumi engine, so that it can be built from source
// where the official download cannot be reached. See docs/explanation/engine.md.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
