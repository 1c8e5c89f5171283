// Package lab has what the programs here need of the test that runs them: names, tokens, and where results go.
package lab

import (
	"encoding/json"
	"log"
	"os"
	"runtime/debug"
)

// Env is a variable that the test has set.
func Env(name string) string {
	value, found := os.LookupEnv(name)
	if !found {
		log.Fatalf("there is no %s in the environment", name)
	}
	return value
}

// Must ends the program with the error, if there is one.
func Must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// Version is the version of a module that this program was built with.
func Version(module string) string {
	build, _ := debug.ReadBuildInfo()
	for _, one := range build.Deps {
		if one.Path == module {
			return one.Version
		}
	}
	return ""
}

// Result hands the test what it judges by.
func Result(values map[string]any) {
	text := Must(json.Marshal(values))
	if err := os.WriteFile(Env("LAB_RESULT"), text, 0o600); err != nil {
		log.Fatal(err)
	}
}
