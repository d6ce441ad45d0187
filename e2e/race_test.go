//go:build race

package e2e_test

// buildFlags has the server watched for data races when the tests are.
func buildFlags() []string { return []string{"-race"} }
