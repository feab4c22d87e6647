// Reads a compose file as Docker Compose itself does, and prints it as it was understood.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:2])
	if err == nil {
		project, loadErr := options.LoadProject(context.Background())
		if loadErr == nil {
			text, marshalErr := project.MarshalYAML()
			fmt.Print(string(text))
			err = marshalErr
		} else {
			err = loadErr
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
