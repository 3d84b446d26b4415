"""A paper is a file that is read on a few screens: what it does not invent lives in the shared rooms."""

import pathlib

import kerasgan

MODELS = pathlib.Path(kerasgan.models.__file__).parent
SHARED = {
    f"{room}.py"
    for room in "__init__ accumulation averaging base evaluating exporting fitting resumable saving".split()
}


def test_a_papers_file_has_at_most_200_lines():
    lengths = {path.name: len(path.read_text().splitlines()) for path in MODELS.glob("*.py") if path.name not in SHARED}
    assert len(lengths) >= 15
    assert {name: length for name, length in lengths.items() if length > 200} == {}


def test_every_model_is_public():
    models = {name: value for name, value in vars(kerasgan.models).items() if isinstance(value, type)}
    assert len(models) >= 19
    assert {name: getattr(kerasgan, name, None) for name in models} == models


def test_every_model_has_one_task_that_says_what_it_takes():
    tasks = kerasgan.models.tasks
    models = [value for value in vars(kerasgan.models).values() if isinstance(value, type)]
    kinds_of_task = (tasks.FromNoise, tasks.FromImage, tasks.FromLabelMaps, tasks.FromViews, tasks.AdaptsDomains)
    kinds_of_task += (tasks.ThroughACode, tasks.FromLabelFilms)
    papers = [m for m in models if m not in (kerasgan.AdversarialModel, kerasgan.ResumableModel)]
    assert len(papers) >= 17
    for paper in papers:
        kinds = [task for task in kinds_of_task if issubclass(paper, task)]
        assert len(kinds) == 1, paper
        for verb in ("real_images", "serving_functions", "condition_specs", "route"):
            owner = next((cls for cls in paper.__mro__ if verb in vars(cls)), kinds[0])
            # DTN's images pass through its features first: that is the paper's own.
            own = (paper, verb) == (kerasgan.DomainTransferNetwork, "route")
            assert own or owner.__module__.startswith("kerasgan.models.tasks"), (paper, verb)
