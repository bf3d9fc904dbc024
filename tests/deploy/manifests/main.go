// What deploy/kubernetes/ is for, in one program: kustomize as it is, and the Prometheus operator's
// own types, which tell what is wrong with its objects.
package main

import (
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/kustomize/kustomize/v5/commands"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "check" {
		check(os.Args[2])
		return
	}
	if err := commands.NewDefaultCommand().Execute(); err != nil {
		os.Exit(1)
	}
}

// check reads one object of a kind from standard input; a member that the kind has not is an error.
func check(kind string) {
	kinds := map[string]any{
		"PrometheusRule": &monitoring.PrometheusRule{},
		"ServiceMonitor": &monitoring.ServiceMonitor{},
	}
	object, known := kinds[kind]
	if !known {
		fail(fmt.Errorf("the kind %s is not known here", kind))
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
