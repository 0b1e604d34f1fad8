"""tools/test counts what was tested, and lets no failure through."""
import importlib.machinery
import importlib.util
import os
import sys
import time

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """The module of tools/test, at work in an empty folder."""
    loader = importlib.machinery.SourceFileLoader('runner', os.path.join(TOP, 'tools', 'test'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('runner', loader))
    loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    os.makedirs(module.LOGS)
    return module


def shell(script):
    return [['sh', '-c', script]]


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
            return stat.read().rpartition(')')[2].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


def outcome(runner, stage):
    count, reason = runner.run_stage(stage, runner.Running())
    return count.passed, count.failed, reason


def test_commands_that_succeed_count_as_one_check(runner):
    assert outcome(runner, runner.Stage('x', shell('true'))) == (1, 0, None)


def test_a_command_that_fails_fails_the_stage_and_no_later_one_is_run(runner):
    stage = runner.Stage('x', shell('exit 3') + shell('touch later'))
    assert outcome(runner, stage) == (0, 1, 'sh ended with status 3')
    assert not os.path.exists('later')


def test_a_command_that_does_not_exist_fails_the_stage(runner):
    passed, failed, reason = outcome(runner, runner.Stage('x', [['./nowhere']]))
    assert (passed, failed) == (0, 1) and 'nowhere' in reason


def test_a_stage_without_a_single_test_fails(runner):
    stage = runner.Stage('x', shell('true'), count=lambda _: runner.Count())
    assert outcome(runner, stage) == (0, 1, 'no test was counted')


def test_failed_tests_count_even_where_the_status_is_that_of_a_success(runner):
    stage = runner.Stage('x', shell('true'), count=lambda _: runner.Count(7, 2))
    assert outcome(runner, stage)[:2] == (7, 2)


def test_a_status_of_failure_counts_even_where_no_test_failed(runner):
    stage = runner.Stage('x', shell('exit 1'), count=lambda _: runner.Count(7, 0))
    assert outcome(runner, stage)[:2] == (7, 1)


def test_tests_that_cannot_be_counted_fail_the_stage(runner):
    assert outcome(runner, runner.Stage('x', shell('true'), runner.count_pytest))[:2] == (0, 1)


def test_a_stage_ends_at_its_limit_with_all_that_it_started(runner):
    stage = runner.Stage('x', shell('sleep 600 & echo $! > child; wait'), limit_s=1)
    assert outcome(runner, stage) == (0, 1, 'took longer than its limit')
    with open('child', encoding='ascii') as child:
        pid = int(child.read())
    # Killed it is; how soon it is gone is the kernel's business. The bound only ends a test that has failed.
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline, f'{pid} lives on'
        time.sleep(0.01)


def test_a_report_of_a_sanitizer_fails_a_stage_whose_commands_succeed(runner):
    stage = runner.sanitized(runner.Stage('x', shell('echo "leak" > "${ASAN_OPTIONS##*log_path=}.17"')))
    passed, failed, reason = outcome(runner, stage)
    assert failed == 1 and 'x.sanitizer.17' in reason


def test_pytest_is_counted(runner):
    with open('test_it.py', 'w', encoding='utf-8') as file:
        file.write('import pytest\ndef test_a(): pass\ndef test_b(): pass\ndef test_c(): assert 0\n'
                   '@pytest.mark.skip\ndef test_d(): pass\n@pytest.fixture\ndef broken(): assert 0\n'
                   'def test_e(broken): pass\n')
    stage = runner.pytest_stage('x', 'test_it.py')
    count, _ = runner.run_stage(stage, runner.Running())
    assert (count.passed, count.failed, count.skipped) == (2, 2, 1)


@pytest.mark.parametrize('output, result, expected', [
    ('[  PASSED  ] 12 test(s).\n', 'OK', (12, 0)),
    ('[  PASSED  ] 3 test(s).\n'
     '[  FAILED  ] 2 test(s), listed below:\n[  FAILED  ] a\n[  FAILED  ] b\n', 'FAIL', (3, 2)),
    ('[  PASSED  ] 4 test(s).\n[  PASSED  ] 5 test(s).\n', 'OK', (9, 0)),
    ('[  PASSED  ] 4 test(s).\n', 'FAIL', (4, 1)),
    ('', 'OK', (0, 1)),
    ('', 'TIMEOUT', (0, 1)),
])
def test_cmocka_is_counted(runner, output, result, expected):
    os.makedirs('b/meson-logs')
    with open('b/meson-logs/testlog.json', 'w', encoding='utf-8') as log:
        print(runner.json.dumps({'name': 'x', 'stdout': '', 'stderr': output, 'result': result}), file=log)
    count = runner.count_cmocka('b')(None)
    assert (count.passed, count.failed) == expected


CMOCKA_FAILED = """[ RUN      ] fine
[       OK ] fine
[ RUN      ] sum_is_wrong
[  ERROR   ] --- 0x1 != 0x2
[   LINE   ] --- ../tests/unit/test_sum.c:7: error: Failure!
[  FAILED  ] sum_is_wrong
[==========] 2 test(s) run.
[  PASSED  ] 1 test(s).
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] sum_is_wrong
"""


@pytest.mark.parametrize('output, result, expected', [
    (CMOCKA_FAILED, 'FAIL',
     [('x: sum_is_wrong', '--- 0x1 != 0x2\n--- ../tests/unit/test_sum.c:7: error: Failure!')]),
    ('[  PASSED  ] 12 test(s).\n', 'OK', []),
    ('[ RUN      ] a\nASSERT failed\n', 'ERROR', [('x', 'ended: ERROR\n[ RUN      ] a\nASSERT failed')]),
    ('', 'TIMEOUT', [('x', 'ended: TIMEOUT')]),
    ('', 'OK', [('x', 'ended: OK')]),
])
def test_what_failed_of_cmocka_is_told(runner, output, result, expected):
    os.makedirs('b/meson-logs')
    with open('b/meson-logs/testlog.json', 'w', encoding='utf-8') as log:
        print(runner.json.dumps({'name': 'x', 'stdout': output, 'result': result}), file=log)
    assert runner.failures_of_cmocka('b')(None) == expected


def lines_of_a_failure(runner, capsys, stage):
    """What is printed when `stage` has been run, and has failed."""
    count, reason = runner.run_stage(stage, runner.Running())
    assert count.failed
    runner.Terminal().line(stage, count, reason)
    return capsys.readouterr().out.splitlines()


def test_what_is_printed_first_is_which_tests_failed_and_why(runner, capsys):
    with open('test_it.py', 'w', encoding='utf-8') as file:
        file.write('import pytest\ndef test_a():\n    assert 1 == 2, "sums"\n@pytest.fixture\ndef broken():\n    yield\n'
                   '    raise ValueError("a thing is left")\ndef test_b(broken):\n    pass\n')
    lines = lines_of_a_failure(runner, capsys, runner.pytest_stage('x', 'test_it.py'))
    assert lines[0].startswith('FAILED')
    assert lines[1:5] == ['    test_it: test_a', '        AssertionError: sums', '        assert 1 == 2',
                          '        test_it.py:3: AssertionError']
    assert lines[5] == '    test_it: test_b' and 'ValueError: a thing is left' in lines[6]
    assert lines[8].startswith('    | $ ')   # and then the log


@pytest.mark.parametrize('failures', [1, 3, 20, 21, 500])
def test_what_failed_is_told_in_few_lines_however_much_it_is(runner, failures):
    stage = runner.Stage('x', [], failures=lambda _: [(f'test {i}', 'why\n' * 100) for i in range(failures)])
    told = runner.what_failed(stage)
    names = [line for line in told if line.startswith('test ')]
    assert len(told) <= runner.TOLD_LINES
    assert len(names) == min(failures, 19 if failures > 20 else 20)
    assert told[-1] == (f'... and {failures - 19} more' if failures > 20 else 'test 19' if failures == 20 else '    why')


def test_a_report_of_a_sanitizer_is_among_the_first_that_is_printed(runner, capsys):
    script = 'seq 300; echo "heap-use-after-free at x.c:3" > "${ASAN_OPTIONS##*log_path=}.17"'
    stage = runner.sanitized(runner.Stage('x', shell(script)))
    lines = lines_of_a_failure(runner, capsys, stage)
    assert lines[1].strip().endswith('x.sanitizer.17') and lines[2] == '        heap-use-after-free at x.c:3'


def test_where_no_test_is_known_to_have_failed_the_end_of_the_log_is_printed_first(runner, capsys):
    for failures in (None, runner.failures_of_pytest):   # which finds nothing written down
        stage = runner.Stage('x', shell('seq 300; echo stopped because; exit 1'), failures=failures)
        lines = lines_of_a_failure(runner, capsys, stage)
        assert lines[runner.TOLD_LINES] == '    stopped because'


def test_a_short_log_is_printed_once(runner, capsys):
    lines = lines_of_a_failure(runner, capsys, runner.Stage('x', shell('echo this; exit 1')))
    assert [line.strip() for line in lines[2:]] == ['| this']


def test_what_needs_a_failed_stage_is_not_run_and_counts_as_failed(runner, capsys):
    stages = [runner.Stage('a', shell('exit 1')), runner.Stage('b', shell('touch ran'), needs=['a']),
              runner.Stage('c', shell('touch ran'), needs=['b']), runner.Stage('d', shell('true'))]
    total = runner.run_all(stages, runner.Terminal(), runner.Running())
    assert (total.passed, total.failed) == (1, 3)
    assert not os.path.exists('ran')
    assert 'needs b' in capsys.readouterr().out


def test_a_stage_brings_what_it_needs(runner):
    stages = [runner.Stage('a', []), runner.Stage('b', [], needs=['a']), runner.Stage('c', [])]
    assert [stage.name for stage in runner.chosen(stages, ['b'])] == ['a', 'b']
    assert [stage.name for stage in runner.chosen(stages, [])] == ['a', 'b', 'c']
    with pytest.raises(SystemExit):
        runner.chosen(stages, ['d'])


def test_the_last_line_is_the_sum_and_failures_decide_the_status(runner, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tools/test'])
    monkeypatch.setattr(os, 'chdir', lambda _: None)
    for script, status, last in (('true', 0, '1 passed, 0 failed'), ('false', 1, '0 passed, 1 failed')):
        monkeypatch.setattr(runner, 'all_stages', lambda script=script: [runner.Stage('x', shell(script))])
        assert runner.main() == status
        assert capsys.readouterr().out.splitlines()[-1] == last
