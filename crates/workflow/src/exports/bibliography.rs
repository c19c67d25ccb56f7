//! `references.bib`: what `methods.md` cites.

use std::collections::BTreeSet;

/// The key under which the program itself is cited.
pub(super) const PROGRAM: &str = "lingo_pipe";

/// A work that can be cited: the key, and its entry in BibTeX.
struct Work {
    key: &'static str,
    entry: &'static str,
}

const WORKS: [Work; 21] = [
    Work {
        key: "hu2022lora",
        entry: "@inproceedings{hu2022lora,
  author = {Hu, Edward J. and Shen, Yelong and Wallis, Phillip and Allen-Zhu, Zeyuan and Li, Yuanzhi and Wang, Shean and Wang, Lu and Chen, Weizhu},
  title = {{LoRA}: Low-Rank Adaptation of Large Language Models},
  booktitle = {International Conference on Learning Representations},
  year = {2022},
  eprint = {2106.09685},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "zhang2023adalora",
        entry: "@inproceedings{zhang2023adalora,
  author = {Zhang, Qingru and Chen, Minshuo and Bukharin, Alexander and He, Pengcheng and Cheng, Yu and Chen, Weizhu and Zhao, Tuo},
  title = {Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning},
  booktitle = {International Conference on Learning Representations},
  year = {2023},
  eprint = {2303.10512},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "zhan2024lingo",
        entry: "@misc{zhan2024lingo,
  author = {Zhan, Huixin and Wu, Ying Nian and Zhang, Zijun},
  title = {Efficient and Scalable Fine-Tune of Language Models for Genome Understanding},
  year = {2024},
  eprint = {2402.08075},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "liu2022ia3",
        entry: "@inproceedings{liu2022ia3,
  author = {Liu, Haokun and Tam, Derek and Muqeeth, Mohammed and Mohta, Jay and Huang, Tenghao and Bansal, Mohit and Raffel, Colin},
  title = {Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022},
  eprint = {2205.05638},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "lester2021prompt",
        entry: "@inproceedings{lester2021prompt,
  author = {Lester, Brian and Al-Rfou, Rami and Constant, Noah},
  title = {The Power of Scale for Parameter-Efficient Prompt Tuning},
  booktitle = {Conference on Empirical Methods in Natural Language Processing},
  year = {2021},
  eprint = {2104.08691},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "li2021prefix",
        entry: "@inproceedings{li2021prefix,
  author = {Li, Xiang Lisa and Liang, Percy},
  title = {Prefix-Tuning: Optimizing Continuous Prompts for Generation},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2021},
  eprint = {2101.00190},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "houlsby2019adapters",
        entry: "@inproceedings{houlsby2019adapters,
  author = {Houlsby, Neil and Giurgiu, Andrei and Jastrzebski, Stanislaw and Morrone, Bruna and de Laroussilhe, Quentin and Gesmundo, Andrea and Attariyan, Mona and Gelly, Sylvain},
  title = {Parameter-Efficient Transfer Learning for {NLP}},
  booktitle = {International Conference on Machine Learning},
  year = {2019},
  eprint = {1902.00751},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "pfeiffer2021adapterfusion",
        entry: r#"@inproceedings{pfeiffer2021adapterfusion,
  author = {Pfeiffer, Jonas and Kamath, Aishwarya and R{\"u}ckl{\'e}, Andreas and Cho, Kyunghyun and Gurevych, Iryna},
  title = {{AdapterFusion}: Non-Destructive Task Composition for Transfer Learning},
  booktitle = {Conference of the European Chapter of the Association for Computational Linguistics},
  year = {2021},
  eprint = {2005.00247},
  archiveprefix = {arXiv}
}"#,
    },
    Work {
        key: "he2022unified",
        entry: "@inproceedings{he2022unified,
  author = {He, Junxian and Zhou, Chunting and Ma, Xuezhe and Berg-Kirkpatrick, Taylor and Neubig, Graham},
  title = {Towards a Unified View of Parameter-Efficient Transfer Learning},
  booktitle = {International Conference on Learning Representations},
  year = {2022},
  eprint = {2110.04366},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "benzaken2022bitfit",
        entry: "@inproceedings{benzaken2022bitfit,
  author = {Ben Zaken, Elad and Goldberg, Yoav and Ravfogel, Shauli},
  title = {{BitFit}: Simple Parameter-efficient Fine-tuning for Transformer-based Masked Language-models},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2022},
  eprint = {2106.10199},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "liu2024dora",
        entry: "@inproceedings{liu2024dora,
  author = {Liu, Shih-Yang and Wang, Chien-Yi and Yin, Hongxu and Molchanov, Pavlo and Wang, Yu-Chiang Frank and Cheng, Kwang-Ting and Chen, Min-Hung},
  title = {{DoRA}: Weight-Decomposed Low-Rank Adaptation},
  booktitle = {International Conference on Machine Learning},
  year = {2024},
  eprint = {2402.09353},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "kalajdzievski2023rslora",
        entry: "@misc{kalajdzievski2023rslora,
  author = {Kalajdzievski, Damjan},
  title = {A Rank Stabilization Scaling Factor for Fine-Tuning with {LoRA}},
  year = {2023},
  eprint = {2312.03732},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "hayou2024loraplus",
        entry: "@inproceedings{hayou2024loraplus,
  author = {Hayou, Soufiane and Ghosh, Nikhil and Yu, Bin},
  title = {{LoRA+}: Efficient Low Rank Adaptation of Large Models},
  booktitle = {International Conference on Machine Learning},
  year = {2024},
  eprint = {2402.12354},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "loshchilov2019adamw",
        entry: "@inproceedings{loshchilov2019adamw,
  author = {Loshchilov, Ilya and Hutter, Frank},
  title = {Decoupled Weight Decay Regularization},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
  eprint = {1711.05101},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "dettmers2023qlora",
        entry: "@inproceedings{dettmers2023qlora,
  author = {Dettmers, Tim and Pagnoni, Artidoro and Holtzman, Ari and Zettlemoyer, Luke},
  title = {{QLoRA}: Efficient Finetuning of Quantized {LLMs}},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2023},
  eprint = {2305.14314},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "liu2019mtdnn",
        entry: "@inproceedings{liu2019mtdnn,
  author = {Liu, Xiaodong and He, Pengcheng and Chen, Weizhu and Gao, Jianfeng},
  title = {Multi-Task Deep Neural Networks for Natural Language Understanding},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2019},
  eprint = {1901.11504},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "gururangan2020dont",
        entry: "@inproceedings{gururangan2020dont,
  author = {Gururangan, Suchin and Marasovi{\'c}, Ana and Swayamdipta, Swabha and Lo, Kyle and Beltagy, Iz and Downey, Doug and Smith, Noah A.},
  title = {Don't Stop Pretraining: Adapt Language Models to Domains and Tasks},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2020},
  eprint = {2004.10964},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "devlin2019bert",
        entry: "@inproceedings{devlin2019bert,
  author = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and Toutanova, Kristina},
  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language Understanding},
  booktitle = {Conference of the North American Chapter of the Association for Computational Linguistics},
  year = {2019},
  eprint = {1810.04805},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "sennrich2016bpe",
        entry: "@inproceedings{sennrich2016bpe,
  author = {Sennrich, Rico and Haddow, Barry and Birch, Alexandra},
  title = {Neural Machine Translation of Rare Words with Subword Units},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  year = {2016},
  eprint = {1508.07909},
  archiveprefix = {arXiv}
}",
    },
    Work {
        key: "matthews1975mcc",
        entry: "@article{matthews1975mcc,
  author = {Matthews, B. W.},
  title = {Comparison of the predicted and observed secondary structure of {T4} phage lysozyme},
  journal = {Biochimica et Biophysica Acta (BBA) - Protein Structure},
  volume = {405},
  number = {2},
  pages = {442--451},
  year = {1975},
  doi = {10.1016/0005-2795(75)90109-9}
}",
    },
    Work {
        key: "efron1979bootstrap",
        entry: "@article{efron1979bootstrap,
  author = {Efron, B.},
  title = {Bootstrap Methods: Another Look at the Jackknife},
  journal = {The Annals of Statistics},
  volume = {7},
  number = {1},
  pages = {1--26},
  year = {1979},
  doi = {10.1214/aos/1176344552}
}",
    },
];

/// The entries of the works of these keys, in the order of the keys.
pub(super) fn bibtex(cited: &BTreeSet<&'static str>, version: &str) -> String {
    let mut text = String::new();
    for key in cited {
        if *key == PROGRAM {
            text += &format!(
                "@misc{{{PROGRAM},\n  title = {{lingo-pipe}},\n  note = {{Software, version {version}}}\n}}\n\n"
            );
        } else if let Some(work) = WORKS.iter().find(|work| work.key == *key) {
            text += work.entry;
            text += "\n\n";
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_its_key_a_title_a_year_and_closed_braces() {
        for work in &WORKS {
            let (key, entry) = (work.key, work.entry);
            let first = entry.lines().next().unwrap();
            assert!(first.ends_with(&format!("{{{key},")), "{key}");
            for field in ["author", "title", "year"] {
                assert!(entry.contains(&format!("\n  {field} = {{")), "{key}");
            }
            let mut depth = 0;
            for letter in entry.chars() {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                assert!(depth >= 0, "{key}");
            }
            assert_eq!(depth, 0, "{key}");
            let same = WORKS.iter().filter(|other| other.key == key);
            assert_eq!(same.count(), 1, "{key}");
        }
    }

    #[test]
    fn only_what_is_cited_is_listed() {
        let text = bibtex(&BTreeSet::from([PROGRAM, "hu2022lora"]), "1.2.3");
        let entries: Vec<&str> = text.lines().filter(|l| l.starts_with('@')).collect();
        assert_eq!(entries, ["@inproceedings{hu2022lora,", "@misc{lingo_pipe,"]);
        assert!(text.contains("version 1.2.3"));
    }
}
