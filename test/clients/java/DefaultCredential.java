import com.azure.core.credential.TokenCredential;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpPipeline;
import com.azure.core.http.HttpPipelineBuilder;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.http.policy.BearerTokenAuthenticationPolicy;
import com.azure.core.http.policy.RetryPolicy;
import com.azure.core.http.policy.UserAgentPolicy;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import java.util.List;
import java.util.Map;

/** Lists jobs as a child of `azureml-harness exec`, whose credentials are found by azure-identity alone. */
final class DefaultCredential {
    public static void main(String[] args) {
        list("DefaultAzureCredential", new DefaultAzureCredentialBuilder().build());
        list("ManagedIdentityCredential", new ManagedIdentityCredentialBuilder().build());
    }

    private static void list(String name, TokenCredential credential) {
        String gateway = System.getenv("AZUREML_HARNESS_GATEWAY");
        HttpPipeline pipeline = new HttpPipelineBuilder().policies(
            new UserAgentPolicy("azure-identity-java"),
            new RetryPolicy(),
            new BearerTokenAuthenticationPolicy(credential, gateway + "/.default")).build();
        String url = gateway + System.getenv("LAB_WORKSPACE_ID") + "/jobs?api-version=2024-04-01";
        try (HttpResponse response = pipeline.sendSync(new HttpRequest(HttpMethod.GET, url), Context.NONE)) {
            BinaryData body = response.getBodyAsBinaryData();
            if (response.getStatusCode() != 200) {
                throw new IllegalStateException(name + ": " + response.getStatusCode() + " " + body);
            }
            List<?> jobs = (List<?>) body.toObject(Map.class).get("value");
            System.out.println(name + " listed " + jobs.size());
        }
    }
}
