"""What the checks of lesson 4.5 must say."""
from statistics import NormalDist

import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson45

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
TABLE = """def subgroup_table(table):
    found = {}
    for name, rows in table.groupby(GROUPS):
        sick, others = rows[rows["melanoma"]], rows[~rows["melanoma"]]
        found[name] = {
            "n": len(rows), "melanomas": len(sick), "lesions": sick["lesion"].nunique(),
            "recall": sick["called"].mean(), "false alarms": others["called"].mean()}
    return pd.DataFrame(found).T"""
RIGHT = TABLE.replace("GROUPS", "table['group'].fillna('unknown')")
RECALL, FALSE = 'sick["called"].mean()', 'others["called"].mean()'
MISTAKES["subgroup_table"] = [
    (TABLE.replace("GROUPS", "'group'"), "groupby drops missing names"),
    (RIGHT.replace('sick["lesion"].nunique()', "len(sick)"), "those are images"),
    (RIGHT.replace('sick["lesion"]', 'rows["lesion"]'), "lesions of all images"),
    (RIGHT.replace("len(sick)", 'sick["lesion"].nunique()'), "counted in images here"),
    (RIGHT.replace(RECALL, 'sick["called"].sum() / len(rows)'), "divide by all images"),
    (RIGHT.replace(RECALL, 'sick["called"].sum() / max(len(sick), 1)'), "that is NaN, not 0"),
    (RIGHT.replace(RECALL, "X").replace(FALSE, RECALL).replace("X", FALSE), "wrong way round"),
    (RIGHT.replace(RECALL, 'sick["called"].sum() / rows["called"].sum()'), "who was called"),
    (RIGHT.replace(RECALL, 'sick.groupby("lesion")["called"].mean().mean()'), "average over lesions"),
    (RIGHT.replace(RECALL, '1 - sick["called"].mean()'), "not called"),
    (RIGHT + '.reset_index(names="group")', "named in the index"),
    (RIGHT + ".fillna(np.inf)", "that is NaN, not inf"),
    (RIGHT.replace("pd.DataFrame(found).T", "found"), "return a DataFrame"),
    (RIGHT.replace("pd.DataFrame(found).T", "pd.DataFrame(found)"), "no column n"),
    (RIGHT.replace("pd.DataFrame(found).T", "pd.DataFrame(found).T.iloc[1:]"), "each group is one row"),
    (RIGHT.replace("len(rows)", "len(rows) + 1", 1), "the n of group A"),
    (RIGHT.replace("found = {}", "found = {}\n    table['group'] = table['group'].fillna('?')", 1), "work on a copy"),
]
GAP = "def smallest_gap(n_a, n_b, rate):\n    return "
MISTAKES["smallest_gap"] = [
    (GAP + "2.8 * (np.sqrt(rate * (1 - rate) / n_a) + np.sqrt(rate * (1 - rate) / n_b))", "variances add"),
    (GAP + "1.96 * np.sqrt(rate * (1 - rate) * (1 / n_a + 1 / n_b))", "every other time"),
    (GAP + "np.sqrt(rate * (1 - rate) * (1 / n_a + 1 / n_b))", "that is the standard error"),
    (GAP + "rate * (1 - rate) * (1 / n_a + 1 / n_b)", "that is the variance"),
    (GAP + "2.8 * np.sqrt(rate * (1 - rate) / (n_a + n_b))", "pool both groups"),
    (GAP + "2.8 * np.sqrt(2 * rate * (1 - rate) / n_a)", "its own number"),
    (GAP + "2.8 * np.sqrt(rate * (1 / n_a + 1 / n_b))", "not rate"),
    (GAP + "0.3", "right is 0.271"),
    (GAP + "[1, 2]", "one number"),
]
DOWN = "def levels_down(before, after):\n    "
GAPS = "gap = lambda d: max(d.values()) - min(d.values())\n    smaller = gap(after) < gap(before)\n    "
MISTAKES["levels_down"] = [
    (DOWN + GAPS + "return smaller", "that is a cure"),
    (DOWN + GAPS + "return smaller and all(after[g] < before[g] for g in before)", "even if not all lost"),
    (DOWN + "return all(after[g] <= before[g] for g in before)", "levels nothing"),
    (DOWN + GAPS + "return smaller and sum(after.values()) < sum(before.values())", "not for nothing"),
    (DOWN + GAPS.replace("<", "<=") + "return smaller and all(after[g] <= before[g] for g in before)",
     "nothing changed"),
    (DOWN + GAPS + "return smaller and min(after.values()) <= min(before.values())\n", "between best and worst"),
    (DOWN + GAPS + "return smaller and all(a <= b for a, b in zip(after.values(), before.values()))",
     "by name"),
    (DOWN + GAPS + "return gap(after)", "True or False"),
    (DOWN + GAPS + "return not smaller", "that levels down"),
    (DOWN + "return abs(after['men'] - after['women']) < abs(before['men'] - before['women']) and "
     "all(after[g] <= before[g] for g in before)", "of all groups"),
    (DOWN + "best, worst = max(before, key=before.get), min(before, key=before.get)\n    "
     "return after[best] - after[worst] < before[best] - before[worst] and all(after[g] <= before[g] for g in before)",
     "order turned"),
    (DOWN + GAPS + "return smaller and all(after[g] <= before[g] for g in ('men', 'women', 'unknown'))",
     "asks for 'men'"),
]  # fmt: skip

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "subgroup_table": """def subgroup_table(table):
    named = table.assign(group=table["group"].where(table["group"].notna(), "unknown"), n=1)
    of = named.groupby("group")
    sick = named[named["melanoma"]].groupby("group")
    out = pd.DataFrame({"lesions": sick["lesion"].nunique(), "melanomas": sick["n"].sum(),
                        "recall": sick["called"].mean(), "n": of["n"].sum()})
    out["false alarms"] = named[~named["melanoma"]].groupby("group")["called"].mean()
    return out.fillna({"lesions": 0, "melanomas": 0}).sort_index(ascending=False)""",
    "smallest_gap": "smallest_gap = lambda a, b, p: 2.8 * ((p - p * p) * (a + b) / (a * b)) ** 0.5",
    "levels_down": DOWN + """change = pd.Series(after) - pd.Series(before)
    return bool(np.ptp(list(after.values())) < np.ptp(list(before.values()))) & (change.max() <= 0)""",
}


@pytest.mark.parametrize(
    ("looks", "p", "state", "words"),
    [
        (45, 0.45, "done", "count the looks"),
        (10 * 9 / 2, 0.01 * 45, "done", "count the looks"),
        (..., ..., "blank", "not attempted"),
        (45, ..., "blank", "not attempted"),
        (90, 0.9, "wrong", "each pair twice"),
        (9, 0.09, "wrong", "not with one reference"),
        (55, 0.55, "wrong", "10 · 9 / 2"),
        (7, 0.07, "wrong", "not 7"),
        (45, 0.01, "wrong", "before the correction"),
        (45, 0.1, "wrong", "multiplies the smallest"),
        (45, 1 - 0.99**45, "wrong", "nearly"),
        (45, 0.2, "wrong", "45-fold"),
        (45, "much", "wrong", "one number"),
    ],
)
def test_the_task_of_the_looks(looks, p, state, words):
    verdict = lesson45.ten_groups(looks, p)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (0.54, "done", "caps right alarms"),
        (0.9 * 0.6, "done", "caps right alarms"),
        (0.9, "wrong", "share in truth"),
        (0.36, "wrong", "how many are right"),
        (0.5, "wrong", "not of all 100"),
        (54, "wrong", "give the share"),
        (0.6, "wrong", "leave the ten out"),
        (0.1, "wrong", "you give 0.1"),
        (None, "blank", "not attempted"),
    ],
)
def test_the_task_of_the_record(answer, state, words):
    verdict = lesson45.by_record(answer)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answers", "state", "words"),
    [
        ((0.895, 0.62, 0), "done", "case mix"),
        ((0.9 * 0.95 + 0.1 * 0.4, 0.4 * 0.95 + 0.6 * 0.4, 0.95 - 0.95), "done", "case mix"),
        ((..., ..., ...), "blank", "not attempted"),
        ((0.895, 0.62, ...), "blank", "not attempted"),
        ((0.62, 0.895, 0), "wrong", "both hospitals mix"),
        ((0.855, 0.62, 0), "wrong", "ten of its 100"),
        ((0.675, 0.62, 0), "wrong", "90 images and 10"),
        ((89.5, 62, 0), "wrong", "give the share"),
        ((0.5, 0.62, 0), "wrong", "you give 0.5"),
        ((0.895, 0.38, 0), "wrong", "60 of its 100"),
        ((0.895, 0.675, 0), "wrong", "40 images and 60"),
        ((0.895, 0.7, 0), "wrong", "you give 0.7"),
        ((0.895, 0.62, 0.275), "wrong", "crude gap"),
        ((0.895, 0.62, 0.55), "wrong", "between moles and others"),
        ((0.895, 0.62, 1), "wrong", "you give 1"),
    ],
)
def test_the_task_of_the_two_hospitals(answers, state, words):
    verdict = lesson45.two_hospitals(*answers)
    assert verdict.state == state and words in verdict.message, verdict


def test_the_exact_quantiles_are_right_as_well():
    exact = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)  # 2.8016
    verdict = lesson45.smallest_gap(lambda a, b, p: exact * (p * (1 - p) * (1 / a + 1 / b)) ** 0.5)
    assert verdict.state == "done", verdict
