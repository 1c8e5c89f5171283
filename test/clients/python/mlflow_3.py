"""What MLflow 3 has besides runs and models: traces, assessments, logged models, prompts, evaluation, data sets."""

import os

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, LoggedModelStatus
from mlflow.genai.scorers import scorer
from result import result

NAME = os.environ["LAB_NAME"]

client = MlflowClient()
experiment = mlflow.set_experiment(NAME)


@mlflow.trace
def double(x):
    with mlflow.start_span("inner") as span:
        span.set_inputs({"x": x})
        span.set_outputs(2 * x)
    mlflow.update_current_trace(tags={"asked": str(x)})
    return 2 * x


with mlflow.start_run() as run:
    double(21)
    trace_id = mlflow.get_last_active_trace_id()
double(4)
mlflow.flush_trace_async_logging()

trace = mlflow.get_trace(trace_id)
traces = mlflow.search_traces(locations=[experiment.experiment_id], return_type="list")
of_run = mlflow.search_traces(
    locations=[experiment.experiment_id], run_id=run.info.run_id, return_type="list"
)
asked = mlflow.search_traces(
    locations=[experiment.experiment_id],
    filter_string="tags.asked = '4'",
    return_type="list",
    include_spans=False,
)
client.set_trace_tag(trace_id, "seen", "yes")
client.set_trace_tag(trace_id, "gone", "soon")
client.delete_trace_tag(trace_id, "gone")
client.link_traces_to_run([one.info.trace_id for one in asked], run.info.run_id)

source = AssessmentSource(source_type="HUMAN", source_id="somebody")
feedback = mlflow.log_feedback(trace_id=trace_id, name="good", value=True, source=source)
expected = mlflow.log_expectation(trace_id=trace_id, name="answer", value=42, source=source)
mlflow.update_assessment(
    trace_id,
    feedback.assessment_id,
    mlflow.entities.Feedback(name="good", value=False, rationale="on second thought"),
)
changed = mlflow.get_assessment(trace_id, feedback.assessment_id)
mlflow.delete_assessment(trace_id, expected.assessment_id)
left = [one.name for one in mlflow.get_trace(trace_id).info.assessments]

model = client.create_logged_model(
    experiment.experiment_id,
    name="agent",
    source_run_id=run.info.run_id,
    tags={"stage": "draft"},
    params={"depth": "3"},
)
client.set_logged_model_tags(model.model_id, {"stage": "final", "extra": "1"})
client.delete_logged_model_tag(model.model_id, "extra")
client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
client.log_metric(run.info.run_id, "loss", 0.5, model_id=model.model_id)
client.log_inputs(run.info.run_id, models=[mlflow.entities.LoggedModelInput(model.model_id)])
client.log_outputs(run.info.run_id, [mlflow.entities.LoggedModelOutput(model.model_id, step=0)])
models = client.search_logged_models([experiment.experiment_id])
kept = client.get_logged_model(model.model_id)

prompt = mlflow.genai.register_prompt(
    f"{NAME}-prompt", template="Say {{ word }}", tags={"team": "a"}
)
mlflow.genai.set_prompt_alias(prompt.name, alias="live", version=prompt.version)
loaded = mlflow.genai.load_prompt(f"prompts:/{prompt.name}@live")
prompts = [one.name for one in mlflow.genai.search_prompts(filter_string=f"name = '{prompt.name}'")]


@scorer
def is_even(outputs):
    return outputs % 2 == 0


evaluated = mlflow.genai.evaluate(
    data=[{"inputs": {"x": 1}}, {"inputs": {"x": 2}}], predict_fn=double, scorers=[is_even]
)

data = mlflow.genai.datasets.create_dataset(
    name=f"{NAME}-data", experiment_id=[experiment.experiment_id], tags={"team": "a"}
)
data.merge_records([{"inputs": {"x": 1}, "expectations": {"answer": 2}}])
mlflow.genai.set_dataset_tags(dataset_id=data.dataset_id, tags={"kind": "small"})
again = mlflow.genai.get_dataset(dataset_id=data.dataset_id)
datasets = mlflow.genai.search_datasets(experiment_ids=[experiment.experiment_id])
records = len(again.to_df())
tags = again.tags
mlflow.genai.delete_dataset(dataset_id=data.dataset_id)

client.delete_traces(experiment.experiment_id, trace_ids=[asked[0].info.trace_id])
after = mlflow.search_traces(locations=[experiment.experiment_id], return_type="list")
client.delete_logged_model(model.model_id)

result(
    spans=[span.name for span in trace.data.spans],
    response=trace.data.response,
    source=trace.info.trace_metadata["mlflow.sourceRun"] == run.info.run_id,
    traces=len(traces),
    of_run=len(of_run),
    asked=[one.info.tags["asked"] for one in asked],
    tags={key: client.get_trace(trace_id).info.tags.get(key) for key in ("asked", "seen", "gone")},
    feedback=[changed.value, changed.rationale],
    left=left,
    models=[one.model_id == model.model_id for one in models],
    model=[kept.status.value, kept.tags.get("stage"), kept.params, len(kept.metrics or [])],
    prompt=[loaded.format(word="hello"), loaded.version, prompts],
    scores={key: value for key, value in evaluated.metrics.items() if key.startswith("is_even")},
    datasets=[[one.name for one in datasets], records, tags.get("kind"), tags.get("team")],
    after=len(after),
    trace_id=trace_id,
    model_id=model.model_id,
    client=f"mlflow {mlflow.__version__.split('.')[0]}, generative AI",
    client_version=mlflow.__version__,
)
