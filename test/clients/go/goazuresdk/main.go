// Command goazuresdk runs the SDK that Terraform's azurerm provider is made of: the gateway is found by its metadata
// document, an endpoint is made and waited for, jobs are listed over pages, and a deletion ends when its resource is gone.
package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"azureml-harness.invalid/clients/internal/lab"
	"github.com/hashicorp/go-azure-sdk/sdk/client"
	"github.com/hashicorp/go-azure-sdk/sdk/client/resourcemanager"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"
	"golang.org/x/oauth2"
)

const version = "2024-04-01"

// token is an authorizer that returns a token of the environment.
type token string

func (t token) Token(context.Context, *http.Request) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: lab.Env(string(t)), TokenType: "Bearer", Expiry: time.Now().Add(time.Hour)}, nil
}

func (t token) AuxiliaryTokens(context.Context, *http.Request) ([]*oauth2.Token, error) {
	return nil, nil
}

// pager follows the links of Resource Manager's lists.
type pager struct {
	NextLink *odata.Link `json:"nextLink"`
}

func (p *pager) NextPageLink() *odata.Link {
	defer func() { p.NextLink = nil }()
	return p.NextLink
}

type named struct {
	Name       string `json:"name"`
	Properties struct {
		ProvisioningState string `json:"provisioningState"`
		ScoringURI        string `json:"scoringUri"`
	} `json:"properties"`
}

func connect(environment *environments.Environment, variable string) *resourcemanager.Client {
	made := lab.Must(resourcemanager.NewClient(environment.ResourceManager, "machinelearningservices", version))
	made.SetAuthorizer(token(variable))
	return made
}

func call(ctx context.Context, c *resourcemanager.Client, method, path string, body any) (*client.Response, error) {
	request := lab.Must(c.NewRequest(ctx, client.RequestOptions{
		ContentType:         "application/json; charset=utf-8",
		ExpectedStatusCodes: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted},
		HttpMethod:          method,
		Path:                path,
		Pager:               &pager{},
	}))
	if method == http.MethodGet {
		return request.ExecutePaged(ctx)
	}
	if body != nil {
		if err := request.Marshal(body); err != nil {
			return nil, err
		}
	}
	return request.Execute(ctx)
}

func read[T any](response *client.Response) T {
	var value T
	lab.Must(0, response.Unmarshal(&value))
	return value
}

func wait(ctx context.Context, c *resourcemanager.Client, response *client.Response) {
	poller := lab.Must(resourcemanager.PollerFromResponse(response, c))
	lab.Must(0, poller.PollUntilDone(ctx))
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	environment := lab.Must(environments.FromEndpoint(ctx, lab.Env("LAB_GATEWAY")))
	own := connect(environment, "LAB_TOKEN")
	workspace := lab.Env("LAB_WORKSPACE_ID")

	job := map[string]any{"properties": map[string]any{
		"jobType": "Command", "command": "python train.py",
		"environmentId": "azureml:sklearn:1", "computeId": "azureml:cpu-cluster",
	}}
	for n := range 5 {
		lab.Must(call(ctx, own, http.MethodPut, fmt.Sprintf("%s/jobs/hashicorp-%d", workspace, n), job))
	}
	listed := read[struct {
		Value []named `json:"value"`
	}](lab.Must(call(ctx, own, http.MethodGet, workspace+"/jobs", nil)))
	names := []string{}
	for _, one := range listed.Value {
		names = append(names, one.Name)
	}

	path := workspace + "/onlineEndpoints/hashicorp"
	endpoint := map[string]any{"location": "eastus", "properties": map[string]any{"authMode": "AADToken"}}
	wait(ctx, own, lab.Must(call(ctx, own, http.MethodPut, path, endpoint)))
	made := read[named](lab.Must(call(ctx, own, http.MethodGet, path, nil)))
	wait(ctx, own, lab.Must(call(ctx, own, http.MethodDelete, path, nil)))

	_, refused := call(ctx, connect(environment, "LAB_OTHER_TOKEN"), http.MethodPut, workspace+"/jobs/hashicorp-refused", job)
	manager, _ := environment.ResourceManager.Endpoint()
	audience, _ := environment.ResourceManager.ResourceIdentifier()
	lab.Result(map[string]any{
		"version":    lab.Version("github.com/hashicorp/go-azure-sdk/sdk"),
		"cloud":      environment.Name,
		"manager":    manager,
		"audience":   audience,
		"names":      names,
		"properties": made.Properties,
		"refused":    fmt.Sprint(refused),
	})
}
