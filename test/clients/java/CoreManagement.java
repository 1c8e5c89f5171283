import com.azure.core.annotation.*;
import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.http.HttpPipeline;
import com.azure.core.http.HttpPipelineBuilder;
import com.azure.core.http.policy.RetryPolicy;
import com.azure.core.http.policy.UserAgentPolicy;
import com.azure.core.http.rest.Response;
import com.azure.core.http.rest.RestProxy;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.management.http.policy.ArmChallengeAuthenticationPolicy;
import com.azure.core.management.polling.PollerFactory;
import com.azure.core.management.profile.AzureProfile;
import com.azure.core.management.serializer.SerializerFactory;
import com.azure.core.util.Configuration;
import com.azure.core.util.Context;
import com.azure.core.util.serializer.SerializerAdapter;
import com.azure.core.util.serializer.SerializerEncoding;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What Azure's generated Java clients do with azure-core-management: an interface of annotated methods, a long-running
 * operation, pages by their absolute links, a refusal.
 */
final class CoreManagement {
    private static final String WORKSPACE = "{workspace}";

    /** As the generator writes it. */
    @Host("{$host}")
    @ServiceInterface(name = "MachineLearning")
    interface Service {
        @Put(WORKSPACE + "/{kind}/{name}")
        @ExpectedResponses({200, 201})
        @UnexpectedResponseExceptionType(ManagementException.class)
        Mono<Response<Flux<ByteBuffer>>> put(@HostParam("$host") String endpoint,
            @PathParam(value = "workspace", encoded = true) String workspace, @PathParam("kind") String kind,
            @PathParam("name") String name, @QueryParam("api-version") String version,
            @BodyParam("application/json") Object body);

        @Delete(WORKSPACE + "/{kind}/{name}")
        @ExpectedResponses({200, 202, 204})
        @UnexpectedResponseExceptionType(ManagementException.class)
        Mono<Response<Flux<ByteBuffer>>> delete(@HostParam("$host") String endpoint,
            @PathParam(value = "workspace", encoded = true) String workspace, @PathParam("kind") String kind,
            @PathParam("name") String name, @QueryParam("api-version") String version);

        @Get(WORKSPACE + "/{kind}")
        @ExpectedResponses({200})
        @UnexpectedResponseExceptionType(ManagementException.class)
        Mono<Response<Object>> list(@HostParam("$host") String endpoint,
            @PathParam(value = "workspace", encoded = true) String workspace, @PathParam("kind") String kind,
            @QueryParam("api-version") String version);

        @Get("{nextLink}")
        @ExpectedResponses({200})
        @UnexpectedResponseExceptionType(ManagementException.class)
        Mono<Response<Object>> next(@PathParam(value = "nextLink", encoded = true) String nextLink,
            @HostParam("$host") String endpoint);
    }

    private static final String VERSION = "2024-04-01";
    private final String gateway = env("LAB_GATEWAY");
    private final String workspace = env("LAB_WORKSPACE_ID").substring(1);
    private final SerializerAdapter serializer = SerializerFactory.createDefaultManagementSerializerAdapter();
    private final Set<String> scopes = ConcurrentHashMap.newKeySet();
    private final String library = version();

    public static void main(String[] args) throws IOException {
        new CoreManagement().run();
    }

    private static String env(String name) {
        return Configuration.getGlobalConfiguration().get(name);
    }

    /** As its jar has it. */
    private static String version() {
        Properties known = new Properties();
        try (InputStream file = ManagementException.class
            .getResourceAsStream("/META-INF/maven/com.azure/azure-core-management/pom.properties")) {
            known.load(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return known.getProperty("version");
    }

    /** As managers of the generated clients do it, from a profile whose environment is the gateway. */
    private HttpPipeline pipeline(String variable) {
        AzureEnvironment environment = new AzureEnvironment(Map.of(
            "resourceManagerEndpointUrl", gateway,
            "managementEndpointUrl", gateway,
            "activeDirectoryEndpointUrl", "https://login.microsoftonline.com/"));
        AzureProfile profile = new AzureProfile("tenant", env("LAB_SUBSCRIPTION"), environment);
        TokenCredential credential = request -> {
            scopes.addAll(request.getScopes());
            return Mono.just(new AccessToken(env(variable), OffsetDateTime.now().plusHours(1)));
        };
        return new HttpPipelineBuilder().policies(
            new UserAgentPolicy(null, "azure-core-management", library, Configuration.getGlobalConfiguration()),
            new RetryPolicy(),
            new ArmChallengeAuthenticationPolicy(credential,
                profile.getEnvironment().getManagementEndpoint() + "/.default")).build();
    }

    private void run() throws IOException {
        HttpPipeline pipeline = pipeline("LAB_TOKEN");
        Service service = RestProxy.create(Service.class, pipeline, serializer);
        Map<String, Object> job = Map.of("properties", Map.of("jobType", "Command", "command", "python train.py",
            "environmentId", "azureml:sklearn:1", "computeId", "azureml:cpu-cluster"));
        for (int n = 0; n < 5; n++) {
            service.put(gateway, workspace, "jobs", "java-" + n, VERSION, job).block();
        }
        List<Object> names = new ArrayList<>();
        int pages = 0;
        Map<?, ?> page = (Map<?, ?>) service.list(gateway, workspace, "jobs", VERSION).block().getValue();
        while (page != null) {
            pages++;
            ((List<?>) page.get("value")).forEach(one -> names.add(((Map<?, ?>) one).get("name")));
            Object next = page.get("nextLink");
            page = next == null ? null : (Map<?, ?>) service.next((String) next, gateway).block().getValue();
        }

        Map<String, Object> endpoint = Map.of("location", "eastus", "properties", Map.of("authMode", "AADToken"));
        Map<?, ?> made = (Map<?, ?>) wait(pipeline,
            service.put(gateway, workspace, "onlineEndpoints", "java", VERSION, endpoint));
        wait(pipeline, service.delete(gateway, workspace, "onlineEndpoints", "java", VERSION));

        Service other = RestProxy.create(Service.class, pipeline("LAB_OTHER_TOKEN"), serializer);
        String refused = "accepted";
        try {
            other.put(gateway, workspace, "jobs", "java-refused", VERSION, job).block();
        } catch (ManagementException error) {
            refused = error.getResponse().getStatusCode() + " " + error.getValue().getCode();
        }

        Map<String, Object> result = new LinkedHashMap<>(Map.of("version", library, "scopes", List.copyOf(scopes),
            "names", names, "pages", pages, "refused", refused));
        result.put("properties", made.get("properties"));
        Files.writeString(Path.of(env("LAB_RESULT")), serializer.serialize(new HashMap<>(result),
            SerializerEncoding.JSON));
    }

    private Object wait(HttpPipeline pipeline, Mono<Response<Flux<ByteBuffer>>> begun) {
        return PollerFactory.<Object, Object>create(serializer, pipeline, Object.class, Object.class,
            Duration.ofSeconds(1), begun, Context.NONE).getSyncPoller().getFinalResult();
    }
}
