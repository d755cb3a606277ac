# What differs between the two corpora: sourced by the scripts of this folder. CORPUS=songbirds (default) or cub100.
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
CORPUS=${CORPUS:-songbirds}
ROOT=${ROOT:-data/comparison/$CORPUS}
RUNS=${RUNS:-runs/comparison/$CORPUS}
SYSTEMS=${SYSTEMS:-li2020 s2igan ours}
ENCODER_SEEDS=${ENCODER_SEEDS:-0 1 2}
GENERATOR_SEEDS=${GENERATOR_SEEDS:-0 1}
case $CORPUS in
    songbirds)
        features=teacher
        encoder=()
        generator=()
        : "${SPEECH2IMG_REALDATA:?set it to the folder that holds weights/googlenet_bvlc.npz}"
        painter=(--set "model.projection_network=$SPEECH2IMG_REALDATA/weights/googlenet_bvlc.npz")
        prior=(--set mean_scale=2.0 --set temperature=0.7 --set candidates=4) # as the shipped weights' prior
        splits=(test_seen test)
        limit=400
        ;;
    cub100)
        # GoogLeNet at 96 px costs a seventh of 224 px; features of 1,024; flips, for photographs have no side to tell
        : "${SPEECH2IMG_REALDATA:?set it to the folder that holds cub100_crops227.zip}"
        features=googlenet96
        encoder=(--set features=$features --set loop.max_steps=800)
        generator=(--set augmentation=crop_flip)
        painter=()
        prior=()
        splits=(test val)
        limit=300
        ;;
    *)
        echo "CORPUS is songbirds or cub100, not $CORPUS" >&2
        exit 2
        ;;
esac
