// Command azidentity lists jobs with the credentials of Azure's published Go library, found by the environment alone.
package main

import (
	"context"
	"fmt"
	"time"

	"azureml-harness.invalid/clients/internal/lab"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"
)

func list(ctx context.Context, name string, credential azcore.TokenCredential) {
	gateway := lab.Env("AZUREML_HARNESS_GATEWAY")
	options := arm.ClientOptions{ClientOptions: policy.ClientOptions{Cloud: cloud.Configuration{
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: gateway, Audience: gateway},
		},
	}}}
	jobs := lab.Must(ml.NewJobsClient(lab.Env("LAB_SUBSCRIPTION"), credential, &options))
	page := lab.Must(jobs.NewListPager(lab.Env("LAB_RESOURCE_GROUP"), lab.Env("LAB_WORKSPACE"), nil).NextPage(ctx))
	fmt.Println(name, "listed", len(page.Value))
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	list(ctx, "DefaultAzureCredential", lab.Must(azidentity.NewDefaultAzureCredential(nil)))
	list(ctx, "ManagedIdentityCredential", lab.Must(azidentity.NewManagedIdentityCredential(nil)))
}
