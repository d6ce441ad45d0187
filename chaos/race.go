//go:build race

package main

// buildFlags has the server watched for data races when this program is.
func buildFlags() []string { return []string{"-race"} }
