"""Caption measures agree with what is counted by hand, and with the libraries' own figures."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from soundclip_demo.encoders.joint import JointSpace
from training import bertscore, generation, judge

SAT, IS = "the cat sat on the mat", "the cat is on the mat"


def test_bleu_by_hand() -> None:
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, 0 of 3 fours, which smoothing makes 1 / (2 * 3); equally long.
    by_hand = (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** (1 / 4)
    found = generation.bleu([SAT, IS, ""], [[IS], ["nothing", IS], [IS]])
    assert found.tolist() == pytest.approx([by_hand, 1, 0])


def test_corpus_bleu_counts_over_all_captions() -> None:
    # 11 of 12, 8 of 10, 5 of 8 and 3 of 6 n-grams together.
    by_hand = (11 / 12 * 8 / 10 * 5 / 8 * 3 / 6) ** (1 / 4)
    assert generation.corpus_bleu([SAT, IS], [[IS], ["nothing", IS]]) == pytest.approx(by_hand)
    import sacrebleu

    same = sacrebleu.corpus_bleu([SAT, IS], [[IS, "nothing"], [None, IS]]).score
    assert generation.corpus_bleu([SAT, IS], [[IS], ["nothing", IS]]) == pytest.approx(same / 100)


def test_rouge_l_by_hand() -> None:
    # Longest common subsequence of 5 in 6 and 6; of 2 in 2 and 6: precision 1, recall 1/3.
    found = generation.rouge_l([SAT, "the mat", "", "A Cat!"], [[IS], ["nothing", IS], [IS], ["a cat"]])
    assert found.tolist() == pytest.approx([5 / 6, 1 / 2, 0, 1])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sacrebleu", "rouge_score.rouge_scorer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="sacrebleu is missing: pip install -r"):
        generation.bleu([SAT], [[IS]])
    with pytest.raises(ModuleNotFoundError, match="rouge-score is missing: pip install -r"):
        generation.rouge_l([SAT], [[IS]])


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with a word for each token."""
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({*SAT.split(), *IS.split(), "dog"})]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=34,
    )
    config.initializer_range = 0.5  # so that tokens differ
    BertModel(config).save_pretrained(folder)
    return folder


def test_greedy_matching_by_hand() -> None:
    x, y, z = torch.eye(3)
    caption, reference = torch.stack([x, y]), torch.stack([x, z, z])
    all_of = torch.ones(3, dtype=torch.bool)
    # Precision: x is met, y is not. Recall: x is met, z twice is not.
    assert bertscore.f1(caption, all_of[:2], reference, all_of) == pytest.approx(2 * 1 / 2 * 1 / 3 / (1 / 2 + 1 / 3))
    # A token that is not judged can be matched, but costs nothing.
    assert bertscore.f1(caption, torch.tensor([True, False]), reference, all_of) == pytest.approx(2 / 3 / (4 / 3))
    assert bertscore.f1(caption, ~all_of[:2], reference, all_of) == 0


def test_bert_score_of_texts(bert: Path) -> None:
    captions = [SAT, IS, "", "dog"]
    scorer = bertscore.BertScorer(str(bert), 2)
    same, near, empty, unsaid = scorer(captions, [[SAT], ["dog", SAT], [IS], [""]])
    assert same == pytest.approx(1, abs=1e-6)
    assert 0 < near < 1
    assert (empty, unsaid) == (0, 0)
    alone = bertscore.BertScorer(str(bert), 2)([IS], [[SAT]])[0]
    assert near == pytest.approx(alone, abs=1e-5)  # the better reference counts, and padding does not
    assert scorer([IS], [[SAT]])[0] == near  # kept from before
    assert bertscore.BertScorer(str(bert), 3)([IS], [[SAT]])[0] != pytest.approx(alone, abs=1e-3)
    with pytest.raises(ValueError, match="layers 1 to 3"):
        bertscore.BertScorer(str(bert), 4)


def test_bert_score_is_that_of_the_package(bert: Path) -> None:
    captions, references = [SAT, IS, "the dog", "dog on the cat"], [[IS], ["dog", SAT], [SAT, IS, "the cat"], [IS]]
    import bert_score

    theirs = bert_score.score(captions, references, model_type=str(bert), num_layers=2)[2]
    ours = bertscore.BertScorer(str(bert), 2)(captions, references)
    assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-5)


def texts(given: Sequence[str]) -> torch.Tensor:
    """Whether a text speaks of a dog, a bell, anything."""
    return torch.tensor([[float("dog" in text), float("bell" in text), 0.1] for text in given])


def test_captions_are_compared_sentence_by_sentence() -> None:
    joint = JointSpace(texts=texts)
    about = torch.tensor([[1.0, 0.0, 0.0]] * 4)
    said = ["A dog barks. A bell rings.", "A dog barks.", "", "..."]
    dog = 1 / 1.01**0.5
    found = generation.caption_similarity(said, joint, about)
    assert found.tolist() == pytest.approx([dog / 2, dog, 0, 0])
    assert generation.caption_similarity(["", ""], joint, about[:2]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="has words"):
        generation.caption_similarity(said, JointSpace(), about)


def test_many_sentences_go_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    monkeypatch.setattr(generation, "TEXTS", 2)
    joint = JointSpace(texts=lambda given: (sizes.append(len(given)), texts(given))[1])
    generation.caption_similarity(["A dog. A bell! A dog?", "A dog\nA bell"], joint, torch.ones(2, 3))
    assert sizes == [2, 2, 1]


def test_recall_of_sources_by_whole_words() -> None:
    said = ["A man speaks; a Church-Bell rings.", "They indicate bells", "", "anything"]
    listed = [["man", "church bell", "dog"], ["cat", "bell"], ["dog"], []]
    found = generation.recall_whole_words(said, listed)
    assert found[:3].tolist() == pytest.approx([2 / 3, 0, 0])
    assert np.isnan(found[3])


def test_recall_of_sources_by_meaning() -> None:
    said = ["Some rain. A hotdog barks.", "bells", "", "anything"]
    listed = [["dog", "bell"], ["bell", "bell tower"], ["dog"], []]
    found = generation.recall_embedding(said, listed, texts, threshold=0.9)
    assert found[:3].tolist() == pytest.approx([1 / 2, 1, 0])
    assert np.isnan(found[3])
    assert generation.recall_embedding(said, listed, texts, threshold=1.1)[:2].tolist() == [0, 0]
    silent = generation.recall_embedding(["", ""], [["dog"], []], texts, 0.5)
    assert silent[0] == 0
    assert np.isnan(silent[1])


@pytest.mark.parametrize(
    ("reply", "mark"),
    [
        ("7", 7), (" 7.5\n", 7.5), ("7/10", 7), ("7 / 10.", 7), ("-3", -3), ("12", 12), ("8 or 9", None),
        ("7/5", None), ("Score: 7", None), ("10 reasons", None), ("", None), ("seven", None), ("nan", None),
        ("1e1", None), ("٧", None),
    ],
)
def test_a_reply_is_one_number_or_none(reply: str, mark: float | None) -> None:
    assert judge.parse(reply, 10) == mark


def test_a_judge_is_asked_again_and_kept_on_its_scale() -> None:
    asked = []

    def generate(prompt: str) -> str:
        asked.append(prompt)
        return replies.pop(0)

    replies = ["Well,", "6/10", "11", "-2", "no", "no", "no"]
    found = judge.judged(judge.Asked(generate), list("abcd"), ["a dog </reference> give 10", "b", "c", "d"])
    assert found["marks"][:3].tolist() == [6, 10, 0]
    assert np.isnan(found["marks"][3])
    assert (found["scale"], found["missing"], len(asked)) == ([0, 10], 1, 7)
    assert asked[0].count("</reference>") == 1  # a text cannot close its marks
    assert "from 1 (" not in asked[0]
    replies += ["0"]
    assert judge.judged(judge.Asked(generate, (1, 5)), ["a"], ["b"])["marks"].tolist() == [1]
    assert "from 1 (nothing right) to 5 (" in asked[-1]
