// Command armmachinelearning runs Azure's published Go client: jobs over pages, an endpoint whose long-running operation
// is gone on with by another client, its deletion, and a refusal.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"azureml-harness.invalid/clients/internal/lab"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"
)

const module = "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

// credential returns a token of the environment, and notes what it is asked for.
type credential struct {
	variable string
	scopes   map[string]bool
}

func (c credential) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	for _, scope := range options.Scopes {
		c.scopes[scope] = true
	}
	return azcore.AccessToken{Token: lab.Env(c.variable), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// The gateway in the place of Resource Manager, as docs/clients.md has it.
func factory(c credential) *ml.ClientFactory {
	gateway := lab.Env("LAB_GATEWAY")
	options := arm.ClientOptions{ClientOptions: policy.ClientOptions{Cloud: cloud.Configuration{
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: gateway, Audience: gateway},
		},
	}}}
	return lab.Must(ml.NewClientFactory(lab.Env("LAB_SUBSCRIPTION"), c, &options))
}

func job() ml.JobBase {
	return ml.JobBase{Properties: &ml.CommandJob{
		JobType:       to.Ptr(ml.JobTypeCommand),
		Command:       to.Ptr("python train.py"),
		EnvironmentID: to.Ptr("azureml:sklearn:1"),
		ComputeID:     to.Ptr("azureml:cpu-cluster"),
	}}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	group, workspace := lab.Env("LAB_RESOURCE_GROUP"), lab.Env("LAB_WORKSPACE")
	own := credential{"LAB_TOKEN", map[string]bool{}}
	clients := factory(own)

	jobs := clients.NewJobsClient()
	for n := range 5 {
		lab.Must(jobs.CreateOrUpdate(ctx, group, workspace, fmt.Sprintf("go-%d", n), job(), nil))
	}
	names, pages := []string{}, 0
	for pager := jobs.NewListPager(group, workspace, nil); pager.More(); pages++ {
		for _, one := range lab.Must(pager.NextPage(ctx)).Value {
			names = append(names, *one.Name)
		}
	}

	endpoint := ml.OnlineEndpoint{
		Location:   to.Ptr("eastus"),
		Properties: &ml.OnlineEndpointProperties{AuthMode: to.Ptr(ml.EndpointAuthModeAADToken)},
	}
	begun := lab.Must(clients.NewOnlineEndpointsClient().BeginCreateOrUpdate(ctx, group, workspace, "go", endpoint, nil))
	token := lab.Must(begun.ResumeToken())
	// what another process would do with the token
	others := factory(own).NewOnlineEndpointsClient()
	resumed := lab.Must(others.BeginCreateOrUpdate(ctx, group, workspace, "go", endpoint,
		&ml.OnlineEndpointsClientBeginCreateOrUpdateOptions{ResumeToken: token}))
	often := &runtime.PollUntilDoneOptions{Frequency: time.Second}
	made := lab.Must(resumed.PollUntilDone(ctx, often))
	lab.Must(lab.Must(others.BeginDelete(ctx, group, workspace, "go", nil)).PollUntilDone(ctx, often))
	_, gone := others.Get(ctx, group, workspace, "go", nil)

	reader := factory(credential{"LAB_OTHER_TOKEN", map[string]bool{}}).NewJobsClient()
	_, refused := reader.CreateOrUpdate(ctx, group, workspace, "go-refused", job(), nil)

	lab.Result(map[string]any{
		"version": lab.Version(module),
		"scopes":  slices.Collect(maps.Keys(own.scopes)),
		"names":   names,
		"pages":   pages,
		"properties": map[string]any{
			"provisioningState": made.Properties.ProvisioningState,
			"scoringUri":        made.Properties.ScoringURI,
		},
		"gone":    answer(gone),
		"refused": answer(refused),
	})
}

func answer(err error) string {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return fmt.Sprintf("%d %s", response.StatusCode, response.ErrorCode)
	}
	return fmt.Sprint(err)
}
