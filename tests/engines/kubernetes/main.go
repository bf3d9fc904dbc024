// One program that is every part of a Kubernetes cluster but the container runtime, for tests:
// kubernetes etcd|apiserver|controller-manager|scheduler|kubelet FLAGS...
//
// As one program they share what they are linked with, which is most of each.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var parts = map[string]func() *cobra.Command{
	"apiserver":          apiserver.NewAPIServerCommand,
	"controller-manager": controllermanager.NewControllerManagerCommand,
	"scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":            func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

func main() {
	if len(os.Args) > 1 {
		part := os.Args[1]
		os.Args = append(os.Args[:1], os.Args[2:]...)
		if part == "etcd" {
			etcdmain.Main(os.Args)
			return
		}
		if command, known := parts[part]; known {
			os.Exit(cli.Run(command()))
		}
	}
	fmt.Fprintln(os.Stderr, "expected etcd, apiserver, controller-manager, scheduler or kubelet, and its flags")
	os.Exit(2)
}
