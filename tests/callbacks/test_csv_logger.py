import warnings
from types import SimpleNamespace

import pytest

from kerasgan import plots
from kerasgan.callbacks import CSVLogger


def write(path, *epochs, **options):
    """Logs the dicts as a training does. A tuple is (number of the epoch, dict)."""
    log = CSVLogger(path, **options)
    log.on_train_begin()
    for i, logs in enumerate(epochs):
        log.on_epoch_end(*(logs if isinstance(logs, tuple) else (i, logs)))
    log.on_train_end()
    return path.read_text().split()


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_later_log_gets_a_column_and_no_value_moves(tmp_path, separator):
    path = tmp_path / "log.csv"
    lines = write(path, {"m": 1, "z": float("nan")}, {"m": 2, "a": 3, "z": 4}, {"m": 5}, separator=separator)
    expected = ["epoch,m,z,a", "0,1,nan,NA", "1,2,4,3", "2,5,NA,NA"]
    assert lines == [line.replace(",", separator) for line in expected]


def test_a_column_without_values_that_ended_is_left_out(tmp_path):
    lines = write(tmp_path / "log.csv", {"m": 1, "pr": float("nan")}, {"m": 2, "recall": 3})
    assert lines == ["epoch,m,recall", "0,1,NA", "1,2,3"]


def test_append_follows_the_columns_of_the_file(tmp_path):
    path = tmp_path / "log.csv"
    assert write(path, {"b": 1, "c": 2}, append=True) == ["epoch,b,c", "0,1,2"]
    assert write(path, (1, {"c": 3, "b": 4}), append=True)[2:] == ["1,4,3"]
    lines = write(path, (2, {"a": 5, "c": 6}), append=True)
    assert lines == ["epoch,b,c,a", "0,1,2,NA", "1,4,3,NA", "2,NA,6,5"]
    assert write(path, {"b": 7}) == ["epoch,b", "0,7"]  # without `append`, the file is written anew


@pytest.mark.parametrize("rest", ["1,0.5,1.40", "1,0.5,1.4,2.5", "1", '1,"0'])
def test_an_incomplete_last_line_is_removed_before_a_line_is_appended(tmp_path, rest):
    path = tmp_path / "log.csv"
    write(path, {"a": 1, "b": 2, "c": 3})
    with open(path, "a") as file:
        file.write(rest)
    with pytest.warns(UserWarning, match="log.csv: the incomplete last line .* is removed"):
        lines = write(path, (1, {"a": 4, "b": 5, "c": 6}), append=True)
    assert lines == ["epoch,a,b,c", "0,1,2,3", "1,4,5,6"]
    assert plots.read_log(path)[1]["c"].tolist() == [3, 6]


def test_repeated_epochs_replace_their_old_lines(tmp_path):
    path = tmp_path / "log.csv"
    write(path, {"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6})
    lines = write(path, (1, {"a": 7, "b": 8}), (2, {"a": 9, "c": 0}), append=True)
    assert lines == ["epoch,a,b,c", "0,1,2,NA", "1,7,8,NA", "2,9,NA,0"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_log_of_another_training_is_put_aside(tmp_path):
    path = tmp_path / "log.csv"
    old = write(path, {"a": 1}, {"a": 2})
    with pytest.warns(UserWarning, match="log.csv holds the log of another training. It is now old_1_log.csv"):
        assert write(path, {"b": 3}, {"b": 4}, append=True) == ["epoch,b", "0,3", "1,4"]
    assert (tmp_path / "old_1_log.csv").read_text().split() == old


@pytest.mark.parametrize("append", [False, True])
def test_of_several_workers_only_the_chief_writes(tmp_path, append):
    path = tmp_path / "log.csv"
    logs = [CSVLogger(path, append=append) for _ in range(2)]
    for log, is_chief in zip(logs, (True, False)):
        extended = SimpleNamespace(should_checkpoint=is_chief)
        log.set_model(SimpleNamespace(distribute_strategy=SimpleNamespace(extended=extended)))
        log.on_train_begin()
    for epoch in range(2):
        for log in reversed(logs):
            log.on_epoch_end(epoch, {"a": 5 + epoch})
    for log in reversed(logs):
        log.on_train_end()
    assert path.read_text().split() == ["epoch,a", "0,5", "1,6"]
    path.unlink()
    logs[1].on_train_begin()
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "epoch,a,b"])
def test_a_file_without_a_whole_header_gets_one(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_text(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert write(path, {"a": 1}, append=True) == ["epoch,a", "0,1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,age\n1,2\n", "first column is 'epoch'.*Received: the header 'name,age'. Remedy"),
        ("epoch;a\n0;1\n", "separator ','. Received: the header 'epoch;a'. Remedy"),
        ("epoch,a\n0,1,2\n", "must have the 2 columns of its header in each line. Received: 3 .*'0,1,2'. Remedy"),
        ("epoch,\xff\n", "must be a log of `CSVLogger`. Received: UnicodeDecodeError"),
    ],
)
def test_another_file_is_refused_and_kept(tmp_path, content, said):
    path = tmp_path / "log.csv"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=said):
        write(path, {"a": 1}, append=True)
    assert path.read_text(encoding="latin-1") == content
