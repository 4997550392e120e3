"""`--config FILE`: a file of options is as good as typing them, and typing goes before it."""

from __future__ import annotations

import json

import pytest

from ridge_spark.cli import _parser
from ridge_spark.errors import InputError
from tests.support import assert_refused

TRAIN = """
data = "data/a"
out = "runs/a"
lambdas = [0.1, 1, 10]
folds = 5
no-report = true
json = false
"""


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parse words of a command with `--config` and this text."""
    monkeypatch.chdir(tmp_path)

    def parse(text, *words, command=("train",)):
        (tmp_path / "my.toml").write_text(text, "utf-8")
        return _parser().parse_args([*command, *words, "--config", "my.toml"])

    return parse


def test_a_file_is_as_good_as_typing(parse):
    options = parse(TRAIN)
    assert (options.data, options.lambdas, options.folds) == ("data/a", "0.1,1,10", 5)
    assert (options.no_report, options.json) == (True, False)
    typed = ["--data=data/a", "--out=runs/a", "--lambdas=0.1,1,10", "--folds=5", "--no-report"]
    assert options.given == typed
    assert vars(_parser().parse_args(["train", *typed])).keys() == vars(options).keys()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["--folds", "3"], (3, None)),
        (["--validation", "0.1"], (None, 0.1)),  # which excludes folds
        (["--validation=0.1"], (None, 0.1)),
    ],
)
def test_what_is_typed_goes_before_the_file(parse, typed, found):
    options = parse(TRAIN, *typed)
    assert (options.folds, options.validation) == found


def test_numbers_below_zero_and_options_given_several_times(parse):
    text = 'out = "o"\nsource = "x"\n'
    with pytest.raises(InputError, match="no option source"):
        parse(text, command=("import", "folder"))
    options = parse('data = "d"\nout = "o"\nseed = -3\n')
    assert options.seed == -3


def test_import_takes_a_file_as_well(parse):
    options = parse('size = "8x8"\ngray = true\nout = "o"\n', "png", command=("import", "folder"))
    assert (options.source, options.size, options.channel) == ("png", "8x8", "gray")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lamdas = '1'", "my.toml: there is no option lamdas; did you mean lambdas?"),
        ("folds = true", "folds must be text or a number"),
        ("folds = []", "folds must be text or a number"),
        ("folds = {a = 1}", "folds must be text or a number"),
        ("json = 1", "json must be true or false"),
        ("folds = ", "my.toml: is not TOML"),
        (f"folds = {'[' * 5000}{']' * 5000}", "my.toml: is not TOML"),
        (f"folds = '{'x' * 2**20}'", "my.toml: is not TOML (it is far too large)"),
        ('config = "other.toml"', "no option config"),
        ('help = true', "no option help"),
        ('folds = "many"', "argument --folds: invalid int value: 'many'"),
        ('solver = "lu"', "invalid choice: 'lu'"),
    ],
)  # fmt: skip
def test_what_is_no_good_is_one_line_that_names_it(parse, text, told):
    with pytest.raises(InputError) as refused:
        parse(f'data = "d"\nout = "o"\n{text}\n')
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_command_of_the_result_needs_no_file(ridge_spark, small_data, tmp_path):
    (tmp_path / "my.toml").write_text(f"data = '{small_data}'\nlimit = 500\nno-report = true\n")
    done = ridge_spark("train", "--config", "my.toml", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["n_train"] == 500
    words = f"--data={small_data} --limit=500 --no-report --out run --json"
    assert result["command"] == f"ridge-spark train {words}"
    assert_refused(ridge_spark("train", "--config", "none.toml"), "--config none.toml: can't be")
